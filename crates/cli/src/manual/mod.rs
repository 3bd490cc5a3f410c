//! Manual pages: one of `outlive` and one of each command, made of the same words as `--help`.

mod page;
mod roff;
mod sections;

pub(crate) use page::Page;

/// What a page has to say about the environment, by the names of the variables.
struct Variable {
    name: &'static str,
    text: &'static str,
    /// The commands that it is about; every page has those of `outlive` itself, the empty word.
    commands: &'static [&'static str],
}

/// Every variable that we read or set.
const VARIABLES: [Variable; 8] = [
    Variable {
        name: "OUTLIVE_LAB",
        text: "The lab to talk to, as --in. CMD has it set to the name of its own lab, so that these commands need no --in \
               inside.",
        commands: &["ls", "unplug", "plug", "set", "reset", "input", "screenshot", "events"],
    },
    Variable {
        name: "OUTLIVE_LAB",
        text: "CMD has it set to the name of its lab, so that `outlive ls` and its like need no --in inside.",
        commands: &["run", "trace", "explore"],
    },
    Variable {
        name: "OUTLIVE_STATUS",
        text: "CMD has it set to the path of a file that says how the devices are, at the moment of its open: what \
               `outlive ls --json` prints.",
        commands: &["run", "trace", "explore"],
    },
    Variable {
        name: "OUTLIVE_ROAD",
        text: "Which way calls take, where --road does not say it.",
        commands: &["run", "trace", "explore"],
    },
    Variable {
        name: "OUTLIVE_MOUNT",
        text: "The one way to mount that is tried, of those that `outlive doctor` lists; all in turn if it is not set.",
        commands: &["run", "trace", "explore"],
    },
    Variable {
        name: "OUTLIVE_DRIVER_FD",
        text: "The descriptor of the host, where neither --fd nor --socket says it: a host that starts a server sets it.",
        commands: &["driver"],
    },
    Variable {
        name: "NO_COLOR",
        text: "If it is set and not empty there is no colour, unless --color always says otherwise.",
        commands: &[""],
    },
    Variable { name: "TERM", text: "If it is dumb there is no colour, likewise.", commands: &[""] },
];

/// The pages to look at after that of a command; beside them each has outlive(1).
fn see_also(command: &str) -> &'static [&'static str] {
    match command {
        "" => &["i2cdetect(8)", "strace(1)"],
        "run" => &[
            "outlive-trace(1)",
            "outlive-explore(1)",
            "outlive-serve(1)",
            "outlive-ls(1)",
            "outlive-unplug(1)",
            "outlive-doctor(1)",
        ],
        "serve" => &["outlive-run(1)", "outlive-ls(1)", "outlive-unplug(1)", "outlive-plug(1)", "outlive-doctor(1)"],
        "trace" => &["outlive-run(1)", "outlive-explore(1)", "outlive-unplug(1)", "strace(1)"],
        "explore" => &["outlive-run(1)", "outlive-trace(1)"],
        "driver" => &["outlive-run(1)", "outlive-serve(1)"],
        "demo" => &["outlive-explore(1)"],
        "ls" => &["outlive-events(1)", "outlive-unplug(1)", "outlive-plug(1)", "outlive-set(1)"],
        "unplug" => &["outlive-plug(1)", "outlive-ls(1)", "outlive-set(1)", "outlive-events(1)"],
        "plug" => &["outlive-unplug(1)", "outlive-run(1)"],
        "set" => &["outlive-ls(1)", "outlive-unplug(1)"],
        "reset" => &["outlive-set(1)", "outlive-unplug(1)", "outlive-ls(1)"],
        "input" => &["outlive-run(1)", "outlive-ls(1)", "evtest(1)"],
        "screenshot" => &["outlive-run(1)", "outlive-ls(1)", "outlive-plug(1)", "modetest(1)"],
        "events" => &["outlive-ls(1)", "outlive-trace(1)"],
        "doctor" => &["outlive-run(1)", "outlive-serve(1)"],
        "completions" => &["bash(1)", "zsh(1)", "fish(1)"],
        "man" => &["man(1)"],
        _ => &[],
    }
}

/// What every command exits with whose help does not say more.
const EXIT_STATUS: &str = "\
  0  it did what it was asked for
  1  it could not, and said why
  2  it was called wrongly";
