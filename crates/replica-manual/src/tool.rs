//! A program as its argument definitions describe it.
use argh::CommandInfoWithArgs;
use replica_core::cli::Tool;

/// What the program's help shows, under its own name.
pub fn described<T: Tool>() -> CommandInfoWithArgs {
    CommandInfoWithArgs { name: T::NAME, ..T::get_args_info() }
}
