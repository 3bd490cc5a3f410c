use crate::stage::{EEPROM, Run, client, everybody, outlive, source};

/// What i2c-tools print on real hardware, for a chip at 0x50 that holds 0xff but for a byte that is set.
#[test]
fn i2c_tools_print_what_they_print_on_hardware() {
    let script = "i2cdetect -y 7; i2cset -y 7 0x50 3 0xab; i2cget -y 7 0x50 3; i2cdump -y 7 0x50 b; \
                  i2ctransfer -y 7 w1@0x50 0 r16";
    let empty = (1..16).map(|row| format!("{row:x}0:{}    ................\n", " ff".repeat(16)));
    let detected = "     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f\n\
                    00:                         -- -- -- -- -- -- -- -- \n";
    let rows: String = (1..8)
        .map(|row| match row {
            5 => format!("50: 50{}\n", " --".repeat(15) + " "),
            7 => format!("70:{}{}\n", " --".repeat(8), " ".repeat(25)),
            row => format!("{row}0:{} \n", " --".repeat(16)),
        })
        .collect();
    let dumped = format!(
        "     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f    0123456789abcdef\n\
         00: ff ff ff ab{}    ...?............\n{}",
        " ff".repeat(12),
        empty.collect::<String>()
    );
    let transferred = format!("0xff 0xff 0xff 0xab{}\n", " 0xff".repeat(12));
    let expected = format!("{detected}{rows}0xab\n{dumped}{transferred}");
    for who in everybody() {
        assert_eq!(Run::with(&[EEPROM]).by(who).expect(0, ["sh", "-c", script]), expected, "{who:?}");
    }
}

#[test]
fn every_plain_call_answers_as_on_linux() {
    for who in everybody() {
        for linked in ["shared", "static"] {
            Run::with(&[EEPROM]).by(who).expect(0, [client("file_calls", linked)]);
        }
    }
}

#[test]
fn unusual_opens_answer_as_on_linux() {
    for who in everybody() {
        Run::with(&[EEPROM]).by(who).expect(0, [client("openers", "static")]);
    }
}

/// A descriptor that only names the node: it can do nothing but be looked at, and opened through.
#[test]
fn an_open_with_o_path_names_the_node() {
    let script = "import fcntl, os, stat\n\
                  fd = os.open('/dev/i2c-7', os.O_PATH)\n\
                  print(stat.S_ISCHR(os.fstat(fd).st_mode), os.readlink(f'/proc/self/fd/{fd}'))\n\
                  for call in lambda: os.read(fd, 1), lambda: fcntl.ioctl(fd, 0x0703, 0x50):\n\
                  \x20   try: call()\n\
                  \x20   except OSError as e: print(e.errno)\n\
                  again = os.open(f'/proc/self/fd/{fd}', os.O_RDWR)\n\
                  fcntl.ioctl(again, 0x0703, 0x50)\n\
                  print(os.read(again, 1))";
    for who in everybody() {
        let said = Run::with(&[EEPROM]).by(who).expect(0, ["/usr/bin/python3", "-c", script]);
        assert_eq!(said, "True /dev/i2c-7\n9\n9\nb'\\xff'\n", "{who:?}");
    }
}

/// Whoever starts us may ignore SIGCHLD, and that is inherited.
#[test]
fn the_exit_status_is_known_also_if_our_starter_ignores_children() {
    let run = format!("trap '' CHLD; exec {} run --device {EEPROM} -- sh -c 'exit 7'", outlive().display());
    let output = std::process::Command::new("timeout").args(["-k", "1", "30", "bash", "-c", &run]).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn standard_descriptors_may_be_closed() {
    let script = "i2cget -y 7 0x50 0 >&9";
    let run = format!("exec 9>&1; exec {} run --device {EEPROM} -- sh -c '{script}' <&- >&- 2>&-", outlive().display());
    let output = std::process::Command::new("timeout").args(["-k", "1", "30", "bash", "-c", &run]).output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"0xff\n"[..]));
}

#[test]
fn descriptors_are_dupped_passed_inherited_and_reopened() {
    for who in everybody() {
        for linked in ["shared", "static"] {
            Run::with(&[EEPROM]).by(who).expect(0, [client("fdgames", linked)]);
        }
    }
}

#[test]
fn python_smbus2_works() {
    let script = source("smbus2_client.py");
    for who in everybody() {
        Run::with(&[EEPROM]).by(who).expect(0, ["/usr/bin/python3", script.to_str().unwrap()]);
    }
}

#[test]
fn a_shell_redirects_the_device() {
    let (script, helper) = (source("redirection.sh"), client("fdgames", "shared"));
    for who in everybody() {
        Run::with(&[EEPROM]).by(who).expect(0, ["sh".as_ref(), script.as_path(), helper.as_path()]);
        let read = "exec 3<>/dev/i2c-7; readlink /proc/self/fd/3; ls -l /dev/i2c-7 | cut -c1";
        assert_eq!(Run::with(&[EEPROM]).by(who).expect(0, ["sh", "-c", read]), "/dev/i2c-7\nc\n");
    }
}

/// The client is the crate `i2cdev`, in this very binary.
#[test]
fn a_rust_program_with_i2cdev_works() {
    for who in everybody() {
        let outlive = outlive();
        let devices = [EEPROM, "i2c:lm75@0x48,bus=7"];
        Run::with(&devices).by(who).expect(0, [outlive.to_str().unwrap(), "__client", "careful", "/dev/i2c-7"]);
    }
}

#[test]
fn a_device_is_found_by_links_and_odd_paths() {
    let script = "cd /dev && i=$(stat -c %t:%T i2c-7 ./i2c-7 ../dev/i2c-7 /dev//i2c-7 /proc/self/root/dev/i2c-7) && echo $i; \
                  d=$(mktemp -d) && ln -s /dev/i2c-7 $d/bus && ln -s bus $d/again && ln -s /dev $d/dev && \
                  stat -L -c %t:%T $d/bus $d/again $d/dev/i2c-7 && stat -c %F $d/bus && rm -r $d";
    let expected = "59:7 59:7 59:7 59:7 59:7\n59:7\n59:7\n59:7\nsymbolic link\n";
    assert_eq!(Run::with(&[EEPROM]).expect(0, ["sh", "-c", script]), expected);
}

#[test]
fn the_exit_status_is_that_of_the_program() {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        assert_eq!(Run::with(&[EEPROM]).expect(code, ["sh", "-c", script]), "", "{script}");
    }
    assert!(Run::with(&[EEPROM]).expect(127, ["/no/such/program"]).contains("/no/such/program: not found"));
    assert!(Run::with(&[EEPROM]).expect(127, ["no-such-program"]).contains("no-such-program: not found"));
    assert!(Run::with(&[EEPROM]).expect(126, ["/etc/passwd"]).contains("/etc/passwd: not executable"));
}

#[test]
fn the_run_lasts_as_long_as_the_tree() {
    let script = "(setsid sh -c 'sleep 0.3; i2cget -y 7 0x50 0; exit 1') & exit 5";
    assert_eq!(Run::with(&[EEPROM]).expect(5, ["sh", "-c", script]), "0xff\n");
}

#[test]
fn several_chips_share_a_bus_and_a_file_keeps_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("eeprom.bin");
    let eeprom = format!("{EEPROM},file={}", file.display());
    let devices = [eeprom.as_str(), "i2c:lm75@0x48,bus=7", "i2c:24c32@0x51,bus=8"];
    let script = "i2cset -y 7 0x50 9 0x42; i2cget -y 7 0x48 3 w; i2ctransfer -y 8 w2@0x51 0 0 r2";
    assert_eq!(Run::with(&devices).expect(0, ["sh", "-c", script]), "0x0050\n0xff 0xff\n");
    assert_eq!(std::fs::read(&file).unwrap()[9], 0x42);
    assert_eq!(Run::with(&devices).expect(0, ["i2cget", "-y", "7", "0x50", "9"]), "0x42\n");
}
