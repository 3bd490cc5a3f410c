//! `yardstick`: the same programs on Linux' own devices, in guests, and on ours; row by row (docs/yardstick.md). And what
//! removal does to Linux' own (docs/linux.md).

mod answers;
mod compare;
mod linux;
mod table;

use crate::{
    clients,
    guest::{Ended, Guest, Kind},
    workspace,
};
use answers::Answers;
use anyhow::{Result, ensure};
use clap::builder::PossibleValuesParser;
use compare::{Judge, Verdict};
use std::{
    fs,
    panic::resume_unwind,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// The sets of rows, and on which of Linux' devices they ran.
const SETS: [(&str, &str); 21] = [
    ("stub", "i2c-stub, which knows SMBus only"),
    ("plain", "radeonfb's DDC lines in qemu: plain transfers by i2c-algo-bit"),
    ("zombie", "i2c-i801 in qemu, unbound; ours under --contract linux"),
    ("pulled", "i2c-tiny-usb in qemu, its adapter pulled; ours under --contract linux"),
    ("rmmod", "i2c-stub, its module removed while a hundred descriptors are idle and one has a sleeper"),
    ("unbind", "i2c-i801 in qemu, unbound with as many"),
    ("board", "qemu's edu by uio_pci_generic, unbound; ours under --contract linux"),
    ("ram", "mtdram"),
    ("nand", "nandsim"),
    ("ramtools", "mtd-utils on mtdram"),
    ("nandtools", "mtd-utils on nandsim"),
    ("gone", "a partition of mtdram's, deleted while it is open; ours under --contract linux"),
    ("taken", "the same; of ours, the whole flash is unplugged"),
    ("tpm", "tpm_vtpm_proxy in front of a TPM of our own; ours is in front of the same"),
    ("tpmshown", "the same in /sys"),
    ("tpmgone", "the same, and the TPM goes; ours under --contract linux"),
    ("input", "evdev in front of devices that uinput made"),
    ("inputlent", "the same, and clients write what they send"),
    ("uinput", "uinput itself"),
    ("inputgone", "evdev, and uinput's end is closed; ours under --contract linux"),
    ("inputstrict", "the same; ours under --contract strict"),
];
/// Those of devices that nobody removes.
const LIVE: [&str; 11] =
    ["stub", "plain", "ram", "nand", "ramtools", "nandtools", "tpm", "tpmshown", "input", "inputlent", "uinput"];
/// Where ours ran: the roads of `outlive run`, and `outlive serve`.
pub(crate) const ROADS: [&str; 4] = ["fuse", "trap", "plain", "serve"];
/// Those that CI has time for; `nightly` has all.
pub(crate) const SHORT: [&str; 2] = ["trap", "serve"];
/// What Debian's kernel loads in qemu, and the hardware that some of it is for.
const IN_QEMU: [&str; 13] = [
    "i2c-dev",
    "i2c-i801",
    "i2c-tiny-usb",
    "vhci-hcd",
    "radeonfb",
    "evdev",
    "uinput",
    "mtdram total_size=4096 erase_size=128",
    "bochs",
    "scsi_debug add_host=0",
    "sg",
    "uio_pci_generic",
    "tpm_vtpm_proxy",
];
const HARDWARE: [&str; 6] = ["-device", "ati-vga,model=rv100", "-device", "bochs-display", "-device", "edu"];
/// Whether ours can be there: `outlive serve` refuses what has mappings, or positions, and uinput. One set is for it alone.
fn is_on(set: &str, road: &str) -> bool {
    match road {
        "serve" => ["stub", "plain", "zombie", "rmmod", "unbind", "tpm", "tpmgone", "inputlent"].contains(&set),
        _ => set != "inputlent",
    }
}
/// The fewest rows of live devices: fewer, and something did not run.
const ROWS: usize = 7500;

/// Options of `yardstick`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only on these roads of ours; may be given several times
    #[arg(long = "road", value_name = "ROAD", value_parser = PossibleValuesParser::new(ROADS))]
    roads: Vec<String>,
}

impl Args {
    pub(crate) fn run(&self) -> Result<()> {
        let chosen = |road: &&str| self.roads.is_empty() || self.roads.iter().any(|known| known == road);
        run(&ROADS.into_iter().filter(chosen).collect::<Vec<_>>())
    }
}

/// Runs it on `roads`, and prints what it found.
///
/// # Errors
/// If a guest fails, a row differs that is not listed, a line of the list is stale, or what was planted is not found.
pub(crate) fn run(roads: &[&str]) -> Result<()> {
    let mut judge = Judge::new(table::parse(&fs::read_to_string(workspace::root().join("docs/yardstick.md"))?)?);
    let folder = workspace::target().join("yardstick");
    let kernels = answers_of_guests(&folder, roads)?;
    println!("Linux: {} in qemu, {} in user-mode Linux; ours on the latter", kernels.0, kernels.1);
    let (mut rows, mut findings) = (0, Vec::new());
    for (set, device) in SETS {
        let linux = Answers::read(&folder.join(format!("{set}.linux")))?;
        println!("{set}: {device}: {} rows", linux.rows.len());
        rows += if LIVE.contains(&set) { linux.rows.len() } else { 0 };
        linux.notes.iter().for_each(|note| println!("  Linux: {note}"));
        for road in roads.iter().filter(|road| is_on(set, road)) {
            let ours = Answers::read(&folder.join(format!("{set}.{road}")))?;
            let verdict = judge.compare(road, &linux, &ours);
            println!(
                "  {road}: {} equal, {} differ as listed, {} findings",
                verdict.equal,
                verdict.listed,
                verdict.findings.len()
            );
            findings.extend(verdict.findings.into_iter().map(|finding| format!("{set}, {road}: {finding}")));
        }
    }
    findings.extend(judge.stale(roads));
    let removal = Answers::read(&folder.join("removal.linux"))?;
    let said = linux::measured(&fs::read_to_string(workspace::root().join("docs/linux.md"))?)?;
    println!("removal: {} cells of docs/linux.md were measured", removal.rows.len());
    findings.extend(linux::findings(&said, &removal));
    ensure!(rows >= ROWS, "there are {rows} rows of live devices only, {ROWS} were expected");
    findings.iter().for_each(|finding| println!("FINDING {finding}"));
    ensure!(
        findings.is_empty(),
        "{} findings: mend ours, or list them with a reason in docs/yardstick.md; cells of docs/linux.md are what is seen",
        findings.len()
    );
    find_what_is_planted(&folder, &judge, roads)?;
    println!("{rows} rows of live devices; what was planted was found");
    Ok(())
}

/// Boots the guests and keeps what they left in `folder`. Returns the versions of their kernels. A guest has one processor, and
/// much of what they do is waiting, so three go beside each other.
fn answers_of_guests(folder: &Path, roads: &[&str]) -> Result<(String, String)> {
    let outlive = clients::outlive_of_tests()?.canonicalize()?.display().to_string();
    match fs::remove_dir_all(folder) {
        Err(error) if folder.exists() => return Err(error.into()),
        _ => fs::create_dir_all(folder)?,
    }
    let results = folder.canonicalize()?.display().to_string();
    let qemu = Guest::new(Kind::Qemu).modules(&IN_QEMU).options(HARDWARE);
    let uml = Guest::new(Kind::Uml).modules(&["i2c-dev", "i2c-stub chip_addr=0x50 functionality=0x0e7f0000", "fuse"]);
    // One without i2c-dev, which would have the major that a served bus should have.
    let served = Guest::new(Kind::Uml).modules(&["fuse", "cuse"]);
    let content = format!("{results}/content");
    let with_fuse = Guest::new(Kind::Uml).modules(&["fuse"]);
    let proxy = Guest::new(Kind::Qemu).modules(&["tpm_vtpm_proxy"]);
    let of_run: Vec<_> = roads.iter().copied().filter(|road| *road != "serve").collect();
    let (of_run, serves) = (of_run.join(" "), roads.contains(&"serve"));
    let kept = |guest: &Guest, script: &str| -> Result<String> {
        let script = format!("tests/yardstick/{script}");
        let ended = in_guest(guest, &["sh", &script, &outlive, &of_run, &content])?;
        keep(&ended, folder)?;
        Ok(ended.kernel)
    };
    thread::scope(|scope| {
        let tpms = scope.spawn(|| {
            kept(&proxy, "on_tpm.sh")?;
            kept(&with_fuse, "on_uml_tpm.sh")
        });
        let others = scope.spawn(|| {
            if serves {
                kept(&served, "on_serve_tpm.sh")?;
            }
            kept(&with_fuse, "on_uml_input.sh")?;
            on_this_machine(&["sh", "tests/yardstick/on_host.sh", &outlive, &of_run, &results])
        });
        let in_qemu = kept(&qemu, "on_qemu.sh")?;
        // Now it is known what the chip there holds.
        let nodes = serves.then(|| scope.spawn(|| kept(&served, "on_serve.sh")));
        let in_uml = kept(&uml, "on_uml.sh")?;
        for lane in [tpms].into_iter().chain(nodes) {
            lane.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        }
        others.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        Ok((in_qemu, in_uml))
    })
}

/// What has no need of a guest.
fn on_this_machine(command: &[&str]) -> Result<()> {
    let began = Instant::now();
    let limit = ["--kill-after=1", "120"];
    let ran = Command::new("timeout").args(limit).args(command).current_dir(workspace::root()).output()?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "{} ended with {}:\n{said}", command.join(" "), ran.status);
    println!("{} took {:.1} s", command[1], began.elapsed().as_secs_f64());
    Ok(())
}

fn in_guest(guest: &Guest, command: &[&str]) -> Result<Ended> {
    let (mut said, began) = (Vec::new(), Instant::now());
    let limit = Duration::from_secs(400);
    let ended = guest.clone().limit(limit).run(command, &mut |output| said.extend_from_slice(output))?;
    println!("{} took {:.1} s, with the boot", command[1], began.elapsed().as_secs_f64());
    ensure!(
        ended.status == 0,
        "{} ended with {}:\n{}",
        command.join(" "),
        ended.status,
        String::from_utf8_lossy(&said)
    );
    Ok(ended)
}

fn keep(guest: &Ended, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(guest.results())? {
        let entry = entry?;
        fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    Ok(())
}

/// A device of ours with another functionality than Linux'; and in each set on each road, answers of which one is changed.
fn find_what_is_planted(folder: &Path, judge: &Judge, roads: &[&str]) -> Result<()> {
    let linux = Answers::read(&folder.join("stub.linux"))?;
    let planted = Answers::read(&folder.join("stub.planted"))?;
    let Verdict { findings, .. } = judge.clone().compare("trap", &linux, &planted);
    for row in ["I2C_FUNCS", "quick write", "quick read"] {
        let found = findings.iter().any(|finding| finding.starts_with(&format!("{row}: Linux ")));
        ensure!(
            found,
            "a planted device that lacks quick transactions was not found by the row {row:?}: {findings:#?}"
        );
    }
    for (set, road) in SETS.iter().flat_map(|(set, _)| roads.iter().map(move |road| (set, road))) {
        if !is_on(set, road) {
            continue;
        }
        let linux = Answers::read(&folder.join(format!("{set}.linux")))?;
        let honest = Answers::read(&folder.join(format!("{set}.{road}")))?;
        // Rows are judged one by one, so each is looked at by itself.
        for row in honest.rows.keys() {
            let changed = Answers { rows: [(row.clone(), "planted".to_owned())].into(), notes: Vec::new() };
            let found = judge.clone().compare(road, &linux.only(row), &changed).findings;
            ensure!(found.len() == 1, "{set}, {road}: of a planted answer to {row:?} this was found: {found:?}");
        }
    }
    Ok(())
}
