//! The command line from the outside: what is understood, what is printed, and the exit status.

use std::process::{Command, Output};

fn outlive(line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outlive"));
    // Nobody's lab: what runs on this machine shall not matter.
    command.env("OUTLIVE_LAB", "no-such-lab").env_remove("NO_COLOR");
    command.args(line.split_whitespace()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs each line and compares the exit status and the first line of what it complains.
fn check(cases: &[(&str, i32, &str)]) {
    for (line, status, complaint) in cases {
        let output = outlive(line);
        let said = text(&output.stderr);
        assert_eq!(
            (output.status.code(), said.lines().next().unwrap_or("")),
            (Some(*status), *complaint),
            "{line}\n{said}"
        );
    }
}

#[test]
fn calling_it_wrongly_exits_2() {
    check(&[
        ("dance", 2, "error: unrecognized subcommand 'dance'"),
        ("unplug", 2, "error: the following required arguments were not provided:"),
        ("plug", 2, "error: the following required arguments were not provided:"),
        ("ls --nonsense", 2, "error: unexpected argument '--nonsense' found"),
        ("-q -v ls", 2, "error: the argument '--quiet' cannot be used with '--verbose...'"),
        ("--color sometimes ls", 2, "error: invalid value 'sometimes' for '--color <WHEN>'"),
        (
            "unplug i2c-7 --deadline 5",
            2,
            "error: invalid value '5' for '--deadline <TIME>': \"5\" is not a duration; write a number and ns, us, ms, s, min \
             or h, such as 5ms",
        ),
        (
            "plug i2s:24c02@0x50",
            2,
            "outlive: i2s:24c02@0x50: unknown class `i2s`; did you mean `i2c`? known here: i2c, uio, mtd, tpm, input, drm",
        ),
        ("plug i2c:24c02", 2, "outlive: i2c:24c02: which address? write it after the model: i2c:24c02@0x50"),
        ("serve --nonsense", 2, "error: unexpected argument '--nonsense' found"),
        ("serve --device i2c:24c02@0x50 -- true", 2, "error: unexpected argument 'true' found"),
        // The exit status of run is its program's, so a mistake of ours has one that programs do not use.
        ("run --nonsense", 125, "error: unexpected argument '--nonsense' found"),
        ("trace --nonsense", 125, "error: unexpected argument '--nonsense' found"),
    ]);
}

#[test]
fn without_a_command_it_explains_itself() {
    let output = outlive("");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(text(&output.stderr).starts_with("Devices whose handles outlive their hardware: "));
}

#[test]
fn without_a_lab_there_is_nothing_to_talk_to() {
    for line in ["ls", "unplug i2c-7", "plug i2c-7", "plug i2c:24c02@0x50,bus=7", "events"] {
        let output = outlive(line);
        let said = text(&output.stderr);
        assert!(said.starts_with("outlive: no lab named no-such-lab is running; "), "{line}: {said}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{line}");
    }
}

#[test]
fn global_options_may_come_before_or_after_the_command() {
    for line in ["--color always ls", "ls --color always", "ls --color=always --in other -v"] {
        let said = text(&outlive(line).stderr);
        assert!(said.starts_with("\u{1b}[1;31moutlive:\u{1b}[0m no lab named "), "{line}: {said:?}");
    }
    assert!(!text(&outlive("ls").stderr).contains('\u{1b}'), "no colour where nobody sees it");
}

/// The commands that people see.
const COMMANDS: [&str; 16] = [
    "run",
    "serve",
    "trace",
    "explore",
    "driver",
    "demo",
    "ls",
    "unplug",
    "plug",
    "set",
    "reset",
    "input",
    "events",
    "doctor",
    "completions",
    "man",
];

#[test]
fn every_command_explains_itself() {
    let help = outlive("--help");
    assert_eq!(help.status.code(), Some(0));
    for command in COMMANDS {
        assert!(text(&help.stdout).contains(&format!("\n  {command} ")), "{command}");
        let help = outlive(&format!("{command} --help"));
        assert_eq!((help.status.code(), help.stderr.len()), (Some(0), 0), "{command}");
        let page = outlive(&format!("man {command}"));
        assert!(text(&page.stdout).contains(&format!(".TH outlive-{command} 1")), "{command}");
    }
    assert_eq!(text(&outlive("help unplug").stdout), text(&outlive("unplug --help").stdout));
}

/// What our own processes call is in nothing that people read.
#[test]
fn commands_that_are_not_for_people_are_not_shown() {
    let none = |shown: &str, what: &str| {
        for command in ["__trial", "__client"] {
            assert!(!shown.contains(command), "{what}: {command}");
        }
    };
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&outlive(&format!("completions {shell}")).stdout);
        assert!(script.contains("unplug"), "{shell}");
        none(&script, shell);
    }
    let folder = tempfile::tempdir().unwrap();
    outlive(&format!("man --dir {}", folder.path().display()));
    for page in std::fs::read_dir(folder.path()).unwrap() {
        let page = page.unwrap();
        none(&page.file_name().to_string_lossy(), "the name of a page");
        none(&std::fs::read_to_string(page.path()).unwrap(), "a page");
    }
    none(&text(&outlive("--help").stdout), "help");
    none(&text(&outlive("--no-such-option").stderr), "usage");
}

/// One style in all help: what the command or the option does, as an order.
#[test]
fn help_speaks_in_the_imperative() {
    let third_person = |line: &str| {
        let text = line.split_once("  ").map_or(line, |(_, text)| text.trim_start());
        let first = text.split(' ').next().unwrap_or_default();
        ["Pulls", "Shows", "Runs", "Prints", "Lists", "Says", "Removes", "Plugs", "Writes", "Takes"].contains(&first)
    };
    for command in [""].iter().chain(&COMMANDS) {
        let help = text(&outlive(&format!("{command} -h")).stdout);
        let wrong: Vec<&str> = help.lines().map(str::trim).filter(|line| third_person(line)).collect();
        assert!(wrong.is_empty() && !help.is_empty(), "{command}: {wrong:?}");
    }
}

/// Nothing that is told to a file or a pipe has colour, unless asked for.
#[test]
fn colour_is_for_terminals() {
    for line in ["--help", "explore --help", "doctor", "dance", "man", "ls"] {
        let output = outlive(line);
        let said = [output.stdout, output.stderr].concat();
        assert!(!said.is_empty() && !said.contains(&0x1b), "{line}: {}", text(&said));
    }
}

#[test]
fn manual_pages_are_written_into_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let output = outlive(&format!("man --dir {}", folder.path().display()));
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    for page in ["outlive.1", "outlive-unplug.1", "outlive-run.1"] {
        let text = std::fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
    check(&[("man dance", 1, "outlive: there is no command dance; outlive --help lists them")]);
}
