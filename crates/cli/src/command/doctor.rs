use crate::terminal::{Stream, Style, json, line, line_json, paint};
use outlive_host::doctor::{Diagnosis, Finding, examine};
use std::process::ExitCode;

/// Say what this machine can do, and what is lost where it cannot
#[derive(clap::Args)]
#[command(after_help = "\
Exit status:
  0  outlive run and outlive explore work here
  1  they cannot")]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self) -> ExitCode {
        let diagnosis = examine();
        if json() {
            line_json(&diagnosis);
        } else {
            print(&diagnosis);
        }
        if diagnosis.run { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn print(diagnosis: &Diagnosis) {
    line(format_args!("Linux {}", diagnosis.kernel));
    for finding in &diagnosis.findings {
        line(entry(finding));
        if let Some(why) = &finding.why {
            line(format_args!("         {why}"));
            line(format_args!("         without it: {}", finding.without));
        }
    }
    line(match &diagnosis.roads[..] {
        [] => paint(Stream::Out, Style::Bad, "outlive run and outlive explore cannot work here."),
        [only] => {
            let works =
                format!("outlive run and outlive explore work here, on the road {only} alone (outlive run --help).");
            paint(Stream::Out, Style::Warning, &works)
        }
        [first, others @ ..] => {
            let works = "outlive run and outlive explore work here";
            let works = format!("{works}: they take the road {first}, and on demand {}.", others.join(" or "));
            paint(Stream::Out, Style::Good, &works)
        }
    });
}

fn entry(finding: &Finding) -> String {
    let mark = match (finding.there, finding.needed) {
        (true, _) => paint(Stream::Out, Style::Good, "yes    "),
        (false, true) => paint(Stream::Out, Style::Bad, "NO     "),
        (false, false) => paint(Stream::Out, Style::Warning, "no     "),
    };
    format!("{mark}  {}", finding.what)
}
