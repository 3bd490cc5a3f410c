//! Explores the demo's programs, prints a table for each, and says in a line for each what was seen.

use crate::{exploration::processors, progress::Progress, terminal, trials::Trials};
use anyhow::Context;
use outlive_explore::{Explorer, Paint, Report, Request, Verdict, table};
use outlive_host::lab::{LabConfig, Source};
use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

/// The bus that is pulled. The EEPROM and the sensor are those of [`super::clients`].
const LAB: [&str; 2] = ["i2c:24c02@0x50,bus=7", "i2c:lm75@0x48,bus=7"];
const DEVICE: &str = "/dev/i2c-7";
/// Long enough for programs that take milliseconds; short, since some of them will sleep until then.
const TIMEOUT: Duration = Duration::from_secs(2);
/// For each program.
const BUDGET: Duration = Duration::from_secs(15);

/// A program of the demo.
struct Act {
    name: &'static str,
    about: &'static str,
    command: Vec<String>,
}

/// Gives the demo.
///
/// # Errors
/// If the runs cannot be carried out on this machine.
pub(crate) fn show(paint: Paint) -> anyhow::Result<()> {
    if terminal::json() {
        return tell();
    }
    terminal::line(
        "Two programs log the temperature: they share an I2C bus with an EEPROM and an LM75. Outlive runs each of them\n\
         once for each of its operations on the bus, and takes the bus away just as that operation arrives.",
    );
    let mut seen = Vec::new();
    for act in acts()? {
        terminal::line(format_args!("\n{}: {}", paint.bold(act.name), act.about));
        let report = explore(&act)?;
        terminal::line(table::report(&report, paint).trim_end());
        seen.push((act.name, report));
    }
    terminal::line(format_args!("\n{}", paint.bold("What was seen")));
    for (name, report) in &seen {
        terminal::line(format_args!("  {name:8} {}", in_a_line(report, paint)));
    }
    Ok(())
}

/// The demo for programs: its reports as a list.
fn tell() -> anyhow::Result<()> {
    let tale = |act: Act| Ok(serde_json::json!({ "name": act.name, "about": act.about, "report": explore(&act)? }));
    terminal::line_json(&acts()?.into_iter().map(tale).collect::<anyhow::Result<Vec<_>>>()?);
    Ok(())
}

fn acts() -> anyhow::Result<Vec<Act>> {
    let me = env::current_exe().context("cannot find this program's own file, which is the demo's programs as well")?;
    let client = |name: &'static str, about| Act {
        name,
        about,
        command: vec![me.display().to_string(), "__client".into(), name.into(), DEVICE.into()],
    };
    let mut acts = vec![
        client("usual", "as such programs are usually written: try until it works, else take 0"),
        client("careful", "the same work, and any failure that will not pass by itself ends it with a message"),
    ];
    if let Some(i2cdump) = find("i2cdump") {
        let arguments = ["-y", "7", "0x50", "b"].map(str::to_owned);
        acts.push(Act {
            name: "i2cdump",
            about: "the one installed here, as `i2cdump -y 7 0x50 b`",
            command: [i2cdump.display().to_string()].into_iter().chain(arguments).collect(),
        });
    }
    Ok(acts)
}

/// A program as a shell finds it; i2c-tools are in /usr/sbin, where an ordinary user's shell does not look.
fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| Path::is_file(file))
}

fn explore(act: &Act) -> anyhow::Result<Report> {
    let sources = LAB.map(|spec| Source::Spec(spec.to_owned()));
    let request = Request {
        command: act.command.clone(),
        lab: LabConfig::new(&sources, None, None).context("the demo's own lab")?,
        timeout: Some(TIMEOUT),
        ..Request::default()
    };
    let progress = Progress::begin();
    let report = Explorer::prepare(&Trials, request).map(|explorer| {
        let points = explorer.plan(None).expect("all points are there");
        progress.points(points.len());
        // Programs that sleep leave room for others.
        explorer.explore(&points, 2 * processors(), Some(BUDGET), &progress)
    });
    progress.end();
    let report = report.with_context(|| format!("cannot explore {}", act.name))?;
    match &report.failure {
        Some(failure) => anyhow::bail!("cannot explore {}: {}", act.name, failure.message),
        None => Ok(report),
    }
}

/// What a report says, for somebody who has not read it.
fn in_a_line(report: &Report, paint: Paint) -> String {
    let all = report.points.len();
    let bad: Vec<String> = Verdict::ALL
        .into_iter()
        .filter(|verdict| *verdict > Verdict::Clean && report.count(*verdict) > 0)
        .map(|verdict| paint.verdict(verdict, &format!("{} {verdict}", report.count(verdict))))
        .collect();
    if bad.is_empty() {
        return format!("noticed each of {all} pulls, and said so");
    }
    let good = report.points.iter().filter(|point| point.verdict <= Verdict::Clean).count();
    format!("noticed {good} of {all} pulls and said so; the others: {}", bad.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdicts: &[&str]) -> Report {
        let point = |(at, verdict): (u64, &&str)| {
            serde_json::json!({
                "at": at, "device": "i2c-7", "call": "open", "what": "", "occurrence": at, "verdict": verdict,
                "pulled": true, "end": { "exit": 0 }, "stopped": null, "failed": 1, "after": 1, "output_after": 0,
                "wall_ms": 1, "deaths": [], "threads": [],
            })
        };
        let points = (1..).zip(verdicts).map(point).map(|point| serde_json::from_value(point).unwrap()).collect();
        Report { points, ..Report::default() }
    }

    #[test]
    fn the_line_counts_what_the_report_has() {
        let line = |verdicts: &[&str]| in_a_line(&report(verdicts), Paint::default());
        assert_eq!(line(&["clean", "clean"]), "noticed each of 2 pulls, and said so");
        assert_eq!(
            line(&["clean", "silent", "hang", "silent", "unaffected"]),
            "noticed 2 of 5 pulls and said so; the others: 2 silent, 1 hang"
        );
    }
}
