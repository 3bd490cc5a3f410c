//! `screenshot`: what is on a display.

use super::control::{In, finish};
use crate::terminal;
use anyhow::Context;
use outlive_host::control;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Save what is on a card's display, as a PNG
#[derive(clap::Args)]
#[command(after_help = "\
The picture is what the display shows at that moment: its planes with the cursor, in its mode. A connector without a \
display, or on which no program has set a mode, has none: the command says so, and exits 1.

Examples:
  outlive screenshot card0 screen.png
  outlive screenshot card0 second.png --connector 2
  outlive screenshot card0-Virtual-2 second.png")]
pub(crate) struct Screenshot {
    /// The card, such as card0, or its connector, such as card0-Virtual-1
    #[arg(value_name = "NAME")]
    name: String,

    /// The file that is written; one that is there is replaced
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,

    /// Which connector of the card: a number from 1, or its name [default: 1]
    #[arg(long, value_name = "CONNECTOR")]
    connector: Option<String>,

    #[command(flatten)]
    lab: In,
}

impl Screenshot {
    pub(crate) fn run(self) -> ExitCode {
        finish(self.save())
    }

    fn save(&self) -> anyhow::Result<ExitCode> {
        let seen = self.lab.connect()?.screenshot(&self.name, self.connector.as_deref())?;
        write(&seen, &self.file).with_context(|| format!("cannot write {}", self.file.display()))?;
        let control::Screenshot { connector, width, height, .. } = &seen;
        if terminal::json() {
            let file = self.file.to_string_lossy();
            let said = serde_json::json!({ "connector": connector, "width": width, "height": height, "file": file });
            terminal::line_json(&serde_json::json!({ "screenshot": said }));
        } else if terminal::verbosity() >= 0 {
            terminal::line(format_args!("{connector}: {width}x{height}, in {}", self.file.display()));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// As a whole, so that a picture that cannot be made leaves what was there.
fn write(seen: &control::Screenshot, path: &Path) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, seen.width, seen.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&seen.pixels)?;
    writer.finish()?;
    Ok(std::fs::write(path, bytes)?)
}
