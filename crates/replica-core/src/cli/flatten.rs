//! A command line that is made of groups of options.
//!
//! argh wants all options of a command in one struct. Here a group is an argh struct of its own, as those in
//! [`super::groups`], and [`options!`](crate::options) makes one command line of several: each group is given the
//! words that are meant for it, and parses them as argh does.
use argh::{CommandInfoWithArgs, FlagInfo, FlagInfoKind, Optionality, PositionalInfo};

/// Makes the struct of a tool's options out of groups of options.
///
/// Every field is a group: a struct that derives `argh::FromArgs` and `argh::ArgsInfo`, or another that this macro has
/// made. The first one is the tool's own: its description, notes and examples are those of the tool. One of the groups
/// may have positional arguments.
///
/// ```
/// use argh::{ArgsInfo, FromArgs};
/// use replica_core::cli::{Common, Tables};
/// use replica_core::report::Format;
///
/// /// Counts the rows of tables.
/// #[derive(FromArgs, ArgsInfo)]
/// struct Own {
///     /// count on the target, too
///     #[argh(switch)]
///     both: bool,
/// }
///
/// replica_core::options! {
///     struct Args {
///         own: Own,
///         tables: Tables,
///         common: Common,
///     }
/// }
///
/// let args: Args = argh::FromArgs::from_args(&["count-rows"], &["dbo.t", "--both", "--output", "json"]).unwrap();
/// assert!(args.own.both && args.common.reporting().format == Format::Json);
/// assert_eq!(args.tables.selection(false).unwrap().named, ["dbo.t"]);
/// ```
#[macro_export]
macro_rules! options {
    (
        $(#[$about:meta])*
        $visible:vis struct $name:ident $(<const $parameter:ident: $kind:ty>)? {
            $($(#[$of_group:meta])* $group_visible:vis $group:ident: $type:ty),+ $(,)?
        }
    ) => {
        $(#[$about])*
        $visible struct $name $(<const $parameter: $kind>)? {
            $($(#[$of_group])* $group_visible $group: $type),+
        }

        impl $(<const $parameter: $kind>)? ::argh::FromArgs for $name $(<$parameter>)? {
            fn from_args(command: &[&str], words: &[&str]) -> ::std::result::Result<Self, ::argh::EarlyExit> {
                let groups = [$(<$type as ::argh::ArgsInfo>::get_args_info()),+];
                let mut hands = $crate::cli::deal(&groups, words).into_iter();
                // In the order in which they were dealt.
                Ok(Self { $($group: ::argh::FromArgs::from_args(command, &hands.next().unwrap_or_default())?),+ })
            }
        }

        impl $(<const $parameter: $kind>)? ::argh::ArgsInfo for $name $(<$parameter>)? {
            fn get_args_info() -> ::argh::CommandInfoWithArgs {
                $crate::cli::joined(&[$(<$type as ::argh::ArgsInfo>::get_args_info()),+])
            }
        }
    };
}

/// The words of a command line for each of the groups. An option goes to the group that has it, with its value; what is
/// no option, to the group that has positional arguments. What nobody has goes to the first group, which refuses it.
#[doc(hidden)]
pub fn deal<'a>(groups: &[CommandInfoWithArgs], words: &[&'a str]) -> Vec<Vec<&'a str>> {
    let owner = |option: &str| {
        let flags =
            groups.iter().enumerate().flat_map(|(at, group)| group.flags.iter().map(move |flag| (at, flag)));
        flags.into_iter().find(|(_, flag)| flag.long == option)
    };
    let positional = groups.iter().position(|group| !group.positionals.is_empty()).unwrap_or(0);
    let mut hands = vec![Vec::new(); groups.len()];
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        if word == "--" {
            hands[positional].push(word);
            hands[positional].extend(words);
            break;
        }
        if !word.starts_with('-') {
            hands[positional].push(word);
            continue;
        }
        let (at, has_value) = match owner(word) {
            Some((at, flag)) => (at, matches!(flag.kind, FlagInfoKind::Option { .. })),
            None => (0, false),
        };
        hands[at].push(word);
        if has_value {
            hands[at].extend(words.next());
        }
    }
    hands
}

/// The groups as one command line, described by the first.
#[doc(hidden)]
pub fn joined(groups: &[CommandInfoWithArgs]) -> CommandInfoWithArgs {
    let mut flags: Vec<FlagInfo<'static>> = Vec::new();
    for flag in groups.iter().flat_map(|group| group.flags) {
        // argh gives one to each.
        if flag.long == super::HELP && !flags.is_empty() {
            continue;
        }
        debug_assert!(flags.iter().all(|other| other.long != flag.long), "{} is in two groups", flag.long);
        flags.push(copy_of_flag(flag));
    }
    let positionals = groups.iter().flat_map(|group| group.positionals).map(copy_of_positional);
    CommandInfoWithArgs {
        // argh's own types borrow for ever. This is done a few times in a process, for its one command line.
        flags: flags.leak(),
        positionals: positionals.collect::<Vec<_>>().leak(),
        ..groups[0].clone()
    }
}

fn copy_of_flag(flag: &FlagInfo<'static>) -> FlagInfo<'static> {
    let kind = match flag.kind {
        FlagInfoKind::Switch => FlagInfoKind::Switch,
        FlagInfoKind::Option { arg_name } => FlagInfoKind::Option { arg_name },
    };
    FlagInfo { kind, optionality: copy_of_optionality(&flag.optionality), ..*flag }
}

fn copy_of_positional(positional: &PositionalInfo<'static>) -> PositionalInfo<'static> {
    PositionalInfo { optionality: copy_of_optionality(&positional.optionality), ..*positional }
}

fn copy_of_optionality(of: &Optionality) -> Optionality {
    match of {
        Optionality::Required => Optionality::Required,
        Optionality::Optional => Optionality::Optional,
        Optionality::Repeating => Optionality::Repeating,
        Optionality::Greedy => Optionality::Greedy,
    }
}

#[cfg(test)]
mod tests {
    use argh::{ArgsInfo, FromArgs};

    /// A tool.
    #[derive(FromArgs, ArgsInfo, Debug, PartialEq)]
    #[argh(note = "Of the tool.")]
    struct Own {
        /// a switch
        #[argh(switch)]
        all: bool,
    }

    /// Words.
    #[derive(FromArgs, ArgsInfo, Debug, PartialEq)]
    struct Words {
        /// words
        #[argh(positional)]
        words: Vec<String>,
    }

    /// A number.
    #[derive(FromArgs, ArgsInfo, Debug, PartialEq)]
    struct Number {
        /// a number
        #[argh(option)]
        number: Option<i32>,
    }

    crate::options! {
        /// A group may itself be made of groups.
        #[derive(Debug, PartialEq)]
        struct Inner {
            words: Words,
            number: Number,
        }
    }

    crate::options! {
        #[derive(Debug, PartialEq)]
        struct Args {
            own: Own,
            inner: Inner,
        }
    }

    fn args(line: &str) -> Result<Args, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        Args::from_args(&["tool"], &words).map_err(|exit| exit.output)
    }

    fn expected(all: bool, words: &[&str], number: Option<i32>) -> Args {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Args { own: Own { all }, inner: Inner { words: Words { words }, number: Number { number } } }
    }

    #[test]
    fn each_group_has_its_words() {
        assert_eq!(args(""), Ok(expected(false, &[], None)));
        assert_eq!(args("a --number -5 b --all c"), Ok(expected(true, &["a", "b", "c"], Some(-5))));
        assert_eq!(args("a -- --all --number"), Ok(expected(false, &["a", "--all", "--number"], None)));
    }

    #[test]
    fn what_no_group_takes_is_refused() {
        for (line, reason) in [
            ("--none", "Unrecognized argument: --none"),
            ("a -x", "Unrecognized argument: -x"),
            ("--number", "No value provided for option '--number'"),
            ("--number x", "'--number' with value 'x'"),
            ("--number 1 --number 2", "duplicate values provided"),
        ] {
            let refusal = args(line).unwrap_err();
            assert!(refusal.contains(reason), "{line}: {refusal}");
        }
    }

    #[test]
    fn the_first_group_describes_all() {
        let info = Args::get_args_info();
        assert_eq!((info.description, info.notes), ("A tool.", &["Of the tool."][..]));
        assert_eq!(
            info.flags.iter().map(|flag| flag.long).collect::<Vec<_>>(),
            ["--help", "--all", "--number"]
        );
        assert_eq!(info.positionals.iter().map(|word| word.name).collect::<Vec<_>>(), ["words"]);
    }
}
