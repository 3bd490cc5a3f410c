use crate::demo::clients::Client;
use std::{path::PathBuf, process::ExitCode};

/// Be one of the programs that the demo and the tests explore
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which one.
    client: Client,
    /// The I2C bus to use.
    device: PathBuf,
    /// Where `unaffected` keeps what it has read.
    #[arg(long, value_name = "FILE")]
    memory: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self) -> ExitCode {
        self.client.run(&self.device, self.memory.as_deref())
    }
}
