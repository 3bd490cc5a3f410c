//! Under which contract programs are explored, and what of that can be seen.

use super::{OUTLIVE, output, report, verdicts};
use std::{
    fs,
    process::{Command, Stdio},
};

/// i2c's linux contract is measured, and transfers fail under it: it is the default. What is said wins, on the command line or
/// in a lab file.
#[test]
fn a_bus_is_explored_as_on_linux() {
    for (options, contract) in
        [(&[][..], "linux"), (&["--contract", "quiet"], "quiet"), (&["--contract", "strict"], "strict")]
    {
        let (report, exit) = report(options, &["i2cget", "-y", "7", "0x50", "3"]);
        assert_eq!((report["contract"].as_str(), report["concealed"].as_bool()), (Some(contract), Some(false)));
        assert_eq!((verdicts(&report).last().copied(), exit), (Some("clean"), 0), "{report:#}");
    }
    let (linux, strict) = ("Input/output error", "No such device");
    for (options, contract, error) in [(&[][..], "linux", linux), (&["--contract", "strict"], "strict", strict)] {
        let near = output(&[options, &["--at", "2"]].concat(), &["python3", "-c", READ]);
        let near = String::from_utf8(near.stdout).unwrap();
        assert!(near.contains(&format!("operations failed, under the contract {contract}\n")), "{near}");
        assert!(near.contains(error), "{near}");
    }
}

/// I2C_SLAVE, which Linux answers from the file, and a read, which it does not.
const READ: &str = "import fcntl, os\n\
                    bus = os.open('/dev/i2c-7', os.O_RDWR)\n\
                    fcntl.ioctl(bus, 0x0703, 0x50)\n\
                    os.read(bus, 1)";

/// Linux answers I2C_FUNCS of an adapter that has gone: it has no functions. Who takes that at its word has not noticed.
#[test]
fn an_answer_without_content_is_a_failure() {
    let program = "import fcntl, os, struct, sys\n\
                   bus = os.open('/dev/i2c-7', os.O_RDWR)\n\
                   functions, = struct.unpack('Q', fcntl.ioctl(bus, 0x0705, bytes(8)))\n\
                   sys.exit(0 if functions else int(sys.argv[1]))";
    for (code, verdict) in [("0", "silent"), ("1", "clean")] {
        let near = output(&["--at", "2"], &["python3", "-c", program, code]);
        let near = String::from_utf8(near.stdout).unwrap();
        assert!(near.contains(&format!("\n{verdict}: exit {code}, 1 of its operations failed")), "{near}");
        assert!(near.contains("I2C_FUNCS = 0, and nothing in it\n"), "{near}");
    }
}

/// Linux wakes nobody who polls a bus: a program that has set its address, and then only waits, fails nowhere and sleeps on.
#[test]
fn who_only_polls_never_learns() {
    let program = "import fcntl, os, select\n\
                   bus = os.open('/dev/i2c-7', os.O_RDWR)\n\
                   try: fcntl.ioctl(bus, 0x0703, 0x50)\n\
                   except OSError: pass\n\
                   poll = select.poll()\n\
                   poll.register(bus, select.POLLPRI)\n\
                   print('heard', poll.poll(200))";
    for (contract, heard, verdict) in
        [("linux", "heard []", "\nunaffected: exit 0"), ("strict", "heard [(3, 24)]", "\nsilent: exit 0")]
    {
        let near = output(&["--contract", contract, "--road", "fuse", "--at", "2"], &["python3", "-c", program]);
        let near = String::from_utf8(near.stdout).unwrap();
        assert!(near.contains(verdict) && near.contains(heard), "{near}");
    }
}

#[test]
fn the_contract_of_a_lab_file_wins_over_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.toml");
    fs::write(&file, "contract = \"quiet\"\n").unwrap();
    let (report, _) = report(&["--lab", file.to_str().unwrap(), "--points", "2"], &["i2cget", "-y", "7", "0x50", "3"]);
    assert_eq!(report["contract"], "quiet");
}

/// uio's linux contract is measured and can be noticed, so it is the default; with an i2c bus beside it, too.
#[test]
fn a_board_is_explored_as_on_linux() {
    let script = "import os\n\
                  fd = os.open('/dev/uio0', os.O_RDWR)\n\
                  os.write(fd, bytes([1, 0, 0, 0]))\n\
                  os.read(fd, 4)";
    let board = "uio:timer,num=0,period=10ms";
    for (more, contract, said) in [
        (&[][..], "linux", "Invalid argument"),
        (&["--device", "i2c:24c02@0x50,bus=7"][..], "linux", "Invalid argument"),
        (&["--contract", "strict"][..], "strict", "No such device"),
    ] {
        let mut explore = Command::new(OUTLIVE);
        explore.args(["explore", "--at", "2", "--device", board]).args(more).args(["--", "python3", "-c", script]);
        let output = explore.stdin(Stdio::null()).output().expect("outlive starts");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains(&format!("under the contract {contract}\n")) && text.contains(said), "{text}");
    }
}

/// mtd's linux contract is measured, and lets every call go on: strict is the default, and what is said wins.
#[test]
fn a_flash_is_explored_under_strict() {
    let script = "import os\n\
                  fd = os.open('/dev/mtd0', os.O_RDWR)\n\
                  os.read(fd, 4)\n\
                  os.read(fd, 4)";
    let flash = "mtd:ram,num=0,size=1MiB";
    for (options, contract, said) in
        [(&[][..], "strict", "No such device"), (&["--contract", "linux"][..], "linux", "unaffected")]
    {
        let mut explore = Command::new(OUTLIVE);
        explore.args(["explore", "--at", "2", "--device", flash]).args(options).args(["--", "python3", "-c", script]);
        let output = explore.stdin(Stdio::null()).output().expect("outlive starts");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains(&format!("under the contract {contract}\n")) && text.contains(said), "{text}");
    }
}
