//! What is there to read: manual pages, completions, and help whose examples work.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const OUTLIVE: &str = env!("CARGO_BIN_EXE_outlive");

fn outlive(line: &str) -> Output {
    let output = Command::new(OUTLIVE).args(line.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn told(line: &str) -> String {
    String::from_utf8(outlive(line).stdout).unwrap()
}

/// The commands that `--help` lists; `help` has no page of its own.
fn commands() -> Vec<String> {
    let help = told("--help");
    let (_, listed) = help.split_once("\nCommands:\n").unwrap();
    let listed = listed.lines().take_while(|line| !line.is_empty());
    // One line a command; what does not fit goes on far to the right.
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<_> = names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect();
    assert!(names.len() > 10, "{names:?}");
    names.into_iter().filter(|name| name != "help").collect()
}

/// All pages, by the names of their files.
fn pages(folder: &Path) -> Vec<(String, PathBuf)> {
    outlive(&format!("man --dir {}", folder.display()));
    let mut pages: Vec<_> = fs::read_dir(folder).unwrap().map(|page| page.unwrap()).collect();
    pages.sort_by_key(|page| page.file_name());
    pages.into_iter().map(|page| (page.file_name().into_string().unwrap(), page.path())).collect()
}

#[test]
fn every_command_has_a_page_and_a_completion() {
    let folder = tempfile::tempdir().unwrap();
    let pages = pages(folder.path());
    let mut expected: Vec<_> = commands().iter().map(|command| format!("outlive-{command}.1")).collect();
    expected.push("outlive.1".to_owned());
    expected.sort();
    assert_eq!(pages.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), expected);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = told(&format!("completions {shell}"));
        for command in commands() {
            let help = told(&format!("{command} --help"));
            let offered = script.split(|c: char| !c.is_alphanumeric()).any(|word| word == command);
            assert!(offered && help.contains("Usage: "), "{shell} does not offer {command}");
        }
        for option in ["string-limit", "deadline"] {
            assert!(script.contains(option), "{shell} does not offer --{option}");
        }
    }
}

/// groff(1) warns of anything that it does not understand.
#[test]
fn pages_are_well_formed() {
    let folder = tempfile::tempdir().unwrap();
    for (name, path) in pages(folder.path()) {
        let groff = Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(&path).output();
        let groff = groff.expect("groff (Debian's package groff-base)");
        assert_eq!(String::from_utf8_lossy(&groff.stderr), "", "{name}");
        assert!(groff.status.success(), "{name}");
    }
    // The canary: an unknown request is found.
    let bad = folder.path().join("bad");
    fs::write(&bad, ".TH x 1\n.NONSENSE\n").unwrap();
    let groff = Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(&bad).output().unwrap();
    assert!(String::from_utf8_lossy(&groff.stderr).contains("NONSENSE"), "the canary lives");
}

/// The headings of a page as it is shown, in their order.
fn shown(path: &Path) -> (Vec<String>, String) {
    let groff = Command::new("groff").args(["-man", "-Tascii", "-P-cbou"]).arg(path).output().unwrap();
    let text = String::from_utf8(groff.stdout).unwrap();
    let headings = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    (headings.map(str::to_owned).collect(), text)
}

#[test]
fn pages_have_the_sections_that_readers_look_for() {
    let folder = tempfile::tempdir().unwrap();
    let pages = pages(folder.path());
    for (name, path) in &pages {
        let (headings, text) = shown(path);
        let wanted = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "SEE ALSO"];
        let found: Vec<_> = headings.iter().filter(|heading| wanted.contains(&heading.as_str())).collect();
        assert_eq!(found, wanted, "{name}");
        if !["outlive-demo.1", "outlive-doctor.1"].contains(&name.as_str()) {
            assert!(headings.iter().any(|heading| heading == "EXAMPLES"), "{name}: {headings:?}");
        }
        // Whatever of ours it refers to is there.
        let source = fs::read_to_string(path).unwrap().replace("\\-", "-");
        for word in source.split(|c: char| c.is_whitespace() || c == ',').filter_map(|word| word.strip_suffix("(1)")) {
            let ours = word.trim_start_matches("\\fB").starts_with("outlive");
            assert!(!ours || pages.iter().any(|(page, _)| *page == format!("{word}.1")), "{name}: {word}(1)");
        }
        assert!(!text.contains("__"), "{name} tells of what is not for people");
    }
    let lab = |name: &str| shown(&folder.path().join(name)).1.contains("OUTLIVE_LAB");
    assert!(lab("outlive-ls.1") && lab("outlive-run.1") && lab("outlive-trace.1") && !lab("outlive-man.1"));
    assert!(shown(&folder.path().join("outlive-run.1")).1.contains("OUTLIVE_STATUS"));
}

#[test]
fn a_page_is_printed_as_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, path) in pages(folder.path()) {
        let command =
            name.trim_start_matches("outlive").trim_start_matches('-').trim_end_matches("1").trim_end_matches('.');
        assert_eq!(told(&format!("man {command}")), fs::read_to_string(path).unwrap(), "{name}");
    }
}

/// Gives a script to a shell that only reads it.
fn reads(shell: &str, options: &[&str], script: &str) -> Option<Output> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script");
    fs::write(&file, script).unwrap();
    Command::new(shell).args(options).arg(&file).stdin(Stdio::null()).output().ok()
}

#[test]
fn shells_understand_their_completions() {
    let output = reads("bash", &["-n"], &told("completions bash")).expect("bash");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    let output = reads("bash", &["-n"], "if true; then").unwrap();
    assert!(!output.status.success(), "the canary lives");
    // The other shells are no part of what the tests install: asked where there are any.
    for (shell, options) in [("zsh", &["-n"]), ("fish", &["-n"])] {
        if let Some(output) = reads(shell, options, &told(&format!("completions {shell}"))) {
            assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// What bash offers after some words.
#[test]
fn bash_completes_commands_and_options() {
    let script = told("completions bash");
    let offered = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let ask = format!(
            "{script}\nCOMP_WORDS=({line}{})\nCOMP_CWORD={}\n_outlive outlive '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
            if line.ends_with(' ') { "''" } else { "" },
            words.len() - 1,
            words.last().unwrap(),
            words[words.len() - 2],
        );
        let output = Command::new("bash").args(["-c", &ask]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(offered("outlive tra"), ["trace"]);
    assert_eq!(offered("outlive trace --string"), ["--string-limit"]);
    assert_eq!(offered("outlive set i2c-7 block"), ["blocked"]);
}

/// The lines of a section of a help, without their indent.
fn section(help: &str, heading: &str) -> Vec<String> {
    let (_, rest) = help.split_once(&format!("\n{heading}:\n")).unwrap_or_else(|| panic!("no {heading} in:\n{help}"));
    let lines = rest.lines().take_while(|line| line.starts_with("  "));
    lines.map(|line| line[2..].to_owned()).collect()
}

/// Each example, as it would be typed, in a folder with the lab file that the help shows.
#[test]
fn the_examples_of_run_and_trace_work() {
    let lab = section(&told("run --help"), "Lab file").join("\n");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lab.toml"), lab).unwrap();
    let path = format!("{}:{}", Path::new(OUTLIVE).parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut ran = Vec::new();
    for help in ["run --help", "run -h", "trace --help", "trace -h"] {
        for example in section(&told(help), "Examples") {
            let mut shell = Command::new("timeout");
            shell.args(["-k", "1", "60", "sh", "-c", &example]).current_dir(folder.path()).stdin(Stdio::null());
            let output = shell.env("PATH", &path).env_remove("OUTLIVE_LAB").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{example}: {said}");
            ran.push(example);
        }
    }
    assert!(ran.len() >= 10 && ran.iter().all(|example| example.starts_with("outlive ")), "{ran:?}");
    assert_eq!(fs::read(folder.path().join("eeprom.bin")).unwrap()[0], 0x2a, "what the second example wrote");
    assert!(fs::read_to_string(folder.path().join("trace.jsonl")).unwrap().lines().count() > 256);
}

/// The models that the help names are those that there are, with their keys.
#[test]
fn the_models_of_the_help_are_those_that_there_are() {
    let complaint = |spec: &str| {
        let output = Command::new(OUTLIVE).args(["run", "--device", spec, "--", "true"]).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let listed = |complaint: &str, behind: &str| -> Vec<String> {
        let (_, known) = complaint.split_once(behind).unwrap_or_else(|| panic!("{complaint}"));
        known.trim().split(", ").map(str::to_owned).collect()
    };
    let classes = [
        ("i2c", "i2c:nonsense@0x50", "known chips: ", &["i2c:24c02@0x50", "i2c:lm75@0x48"][..]),
        ("uio", "uio:nonsense", "known boards: ", &["uio:timer"]),
        ("tpm", "tpm:nonsense", "known tpms: ", &["tpm:swtpm"]),
    ];
    for (class, nonsense, behind, specs) in classes {
        let models = section(&told("run --help"), &format!("Models of {class}")).join("\n");
        let words: Vec<&str> = models.split(|c: char| c.is_whitespace() || c == ',').collect();
        for model in listed(&complaint(nonsense), behind) {
            assert!(words.contains(&&*model), "{model} in:\n{models}");
        }
        for spec in specs {
            for key in listed(&complaint(&format!("{spec},nonsense=1")), "its keys: ") {
                assert!(words.iter().any(|word| word.starts_with(&format!("{key}="))), "{key} in:\n{models}");
            }
        }
    }
}

/// Why there is no such device.
fn refusal(spec: &str) -> String {
    let output = Command::new(OUTLIVE).args(["run", "--device", spec, "--", "true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(125), "{spec}");
    String::from_utf8(output.stderr).unwrap()
}

/// The words of a list that ends a line, or at a semicolon.
fn listed<'a>(text: &'a str, after: &str) -> Vec<&'a str> {
    let list = text.split_once(after).unwrap_or_else(|| panic!("{after:?} in {text}")).1;
    list.split(';').next().unwrap().trim().split(", ").collect()
}

#[test]
fn help_tells_each_class_each_model_and_each_key() {
    let help = told("run --help");
    let mut missing = Vec::new();
    let mut keys = 0;
    let unknown_class = refusal("nothing:x");
    for class in listed(&unknown_class, "known here: ") {
        let Some((_, part)) = help.split_once(&format!("\nModels of {class}:\n")) else {
            missing.push(class.to_owned());
            continue;
        };
        let part = part.split("\n\n").next().unwrap();
        let is_told = |what: &str| part.split([' ', ',', '\n', '=']).any(|word| word == what);
        let address = if class == "i2c" { "@0x50" } else { "" };
        let unknown_model = refusal(&format!("{class}:nothing{address}"));
        for model in listed(unknown_model.split_once("known ").unwrap().1, "s: ") {
            let unknown_key = refusal(&format!("{class}:{model}{address},nothing=1"));
            let of_it = listed(&unknown_key, "its keys: ");
            keys += of_it.len();
            let untold = of_it.into_iter().chain([model]).filter(|what| !is_told(what));
            missing.extend(untold.map(|what| format!("{class}:{model} {what}")));
        }
    }
    assert!(missing.is_empty() && keys > 80, "{keys} keys; not in `outlive run --help`: {missing:?}");
}
