//! A program as its argument definitions describe it.
use argh::{CommandInfoWithArgs, FlagInfo, FlagInfoKind, Optionality, PositionalInfo};
use replica_core::cli::Tool;

/// What the program's help shows, under its own name.
pub fn described<T: Tool>() -> CommandInfoWithArgs {
    let info = T::get_args_info();
    let flags = info.flags.iter().filter(|flag| !flag.hidden).map(flag);
    let positionals = info.positionals.iter().filter(|positional| !positional.hidden).map(positional);
    CommandInfoWithArgs {
        name: T::NAME,
        // argh's own types borrow for ever, and this program ends soon.
        flags: flags.collect::<Vec<_>>().leak(),
        positionals: positionals.collect::<Vec<_>>().leak(),
        ..info
    }
}

fn flag(flag: &FlagInfo<'static>) -> FlagInfo<'static> {
    let kind = match flag.kind {
        FlagInfoKind::Switch => FlagInfoKind::Switch,
        FlagInfoKind::Option { arg_name } => FlagInfoKind::Option { arg_name },
    };
    FlagInfo { kind, optionality: optionality(&flag.optionality), ..*flag }
}

fn positional(positional: &PositionalInfo<'static>) -> PositionalInfo<'static> {
    PositionalInfo { optionality: optionality(&positional.optionality), ..*positional }
}

fn optionality(of: &Optionality) -> Optionality {
    match of {
        Optionality::Required => Optionality::Required,
        Optionality::Optional => Optionality::Optional,
        Optionality::Repeating => Optionality::Repeating,
        Optionality::Greedy => Optionality::Greedy,
    }
}
