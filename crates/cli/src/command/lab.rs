//! LAB: the options that say what a lab is made of, the same for every command that makes one.

use clap::{Arg, ArgMatches, Command, ValueHint, builder::NonEmptyStringValueParser, value_parser};
use outlive_host::lab::{LabConfig, Source};
use std::path::PathBuf;

/// `(--device SPEC | --lab FILE)... [--name NAME] [--contract strict|quiet|linux]`
///
/// To be flattened into the arguments of a command. The order of `--device` and `--lab` is kept.
#[derive(Clone, Debug)]
pub(crate) struct LabArgs {
    sources: Vec<Source>,
    name: Option<String>,
    contract: Option<String>,
}

impl LabArgs {
    /// The lab that the options describe; one that can be started.
    ///
    /// # Errors
    /// [`outlive_host::lab::ConfigError`]: what is wrong, where, and what to do about it.
    pub(crate) fn config(&self) -> anyhow::Result<LabConfig> {
        let config = LabConfig::new(&self.sources, self.name.as_deref(), self.contract.as_deref())?;
        config.check()?;
        Ok(config)
    }
}

// By hand, since the derived parser forgets in which order two options came.
impl clap::FromArgMatches for LabArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let specs = placed(matches, "device", |spec: &String| Source::Spec(spec.clone()));
        let files = placed(matches, "lab", |file: &PathBuf| Source::File(file.clone()));
        let mut sources: Vec<_> = specs.into_iter().chain(files).collect();
        sources.sort_by_key(|(place, _)| *place);
        Ok(LabArgs {
            sources: sources.into_iter().map(|(_, source)| source).collect(),
            name: matches.get_one("name").cloned(),
            contract: matches.get_one("contract").cloned(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The values of an option with their places on the command line.
fn placed<T: Clone + Send + Sync + 'static>(
    matches: &ArgMatches,
    option: &str,
    source: impl Fn(&T) -> Source,
) -> Vec<(usize, Source)> {
    let places = matches.indices_of(option).into_iter().flatten();
    places.zip(matches.get_many(option).into_iter().flatten().map(source)).collect()
}

impl clap::Args for LabArgs {
    fn augment_args(command: Command) -> Command {
        let device = Arg::new("device")
            .long("device")
            .value_name("SPEC")
            .action(clap::ArgAction::Append)
            .value_parser(NonEmptyStringValueParser::new())
            .help("Plug in a device: CLASS:MODEL[@ADDR][,KEY=VALUE]..., such as i2c:24c02@0x50,bus=7")
            .long_help(
                "Plug in a device: CLASS:MODEL[@ADDR][,KEY=VALUE]... May be given several times; chips with the same bus \
                 number share the bus. Without a number a device gets the lowest that is free.\n\n\
                 `outlive run --help` tells all models and keys.",
            );
        let lab = Arg::new("lab")
            .long("lab")
            .value_name("FILE")
            .action(clap::ArgAction::Append)
            .value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::FilePath)
            .help("Plug in the devices that this file (TOML) describes; may be given several times");
        let name = Arg::new("name")
            .long("name")
            .value_name("NAME")
            .help("Call the lab so, for --in of ls, plug, unplug and events [default: lab-PID]");
        let contract = Arg::new("contract")
            .long("contract")
            .value_name("CONTRACT")
            .help("How removed devices answer: strict (ENODEV), quiet (as without a cable) or linux (as Linux itself) [default: strict, of cards quiet; explore chooses by itself, see there]");
        let heading = "The lab";
        command.args([device, lab, name, contract].map(|arg| arg.help_heading(heading)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use super::LabArgs;
    use clap::Parser;
    use outlive_host::lab::Source;

    #[derive(Debug, Parser)]
    struct Just {
        #[command(flatten)]
        lab: LabArgs,
    }

    #[test]
    fn the_order_of_devices_and_files_is_kept() {
        let line = ["outlive", "--lab", "1", "--device=2", "--name", "me", "--device", "3", "--lab=4", "--contract=x"];
        let lab = Just::try_parse_from(line).unwrap().lab;
        let spec = |text: &str| Source::Spec(text.to_owned());
        assert_eq!(lab.sources, [Source::File("1".into()), spec("2"), spec("3"), Source::File("4".into())]);
        assert_eq!((lab.name.as_deref(), lab.contract.as_deref()), (Some("me"), Some("x")));
    }
}
