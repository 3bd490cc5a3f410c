//! What programs do with descriptors, with a device that is there and with one that is pulled in the middle.

use crate::stage::{EEPROM, Run, client, everybody, not_on_plain, outlive};

const SLOW: &str = "i2c:lm75@0x48,bus=7,slow=1h";

fn linked() -> [&'static str; 2] {
    ["shared", "static"]
}

fn notes(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.strip_prefix("note ")).collect()
}

/// I1, I15, I19, I22, I25: dup, dup2 to 3 and 0, fork, exec, spawn, SCM_RIGHTS (also in flight), pidfd_getfd, /proc and
/// /dev/fd, close_range.
#[test]
fn every_way_to_come_by_a_descriptor_leads_to_the_device_and_to_its_zombie() {
    for who in everybody() {
        for linked in linked() {
            let handles = client("handles", linked);
            Run::with(&[EEPROM]).by(who).expect(0, [handles.to_str().unwrap(), "alive"]);
            Run::with(&[EEPROM]).by(who).start([handles.to_str().unwrap(), "pulled"]).pulled(0);
        }
    }
}

/// What each call answers, before and after, with the exact bits of each way to wait (I15, I16, I18 to I20). What is
/// noted differs from Linux (docs/differences.md).
#[test]
fn every_call_has_its_answer_alive_and_afterwards() {
    if not_on_plain("its bits and its calls on files are FUSE's") {
        return;
    }
    let calls = [
        "pread: ESPIPE",
        "pwrite: ESPIPE",
        "preadv: ESPIPE",
        "pwritev: ESPIPE",
        "fchmod: EPERM",
        "fchown: EPERM",
        "futimens: EPERM",
    ];
    let alive = ["inotify of the node: ENOENT", "writev of an address and five bytes: OK", "it wrote them there"];
    let names = |errno: &str| ["chmod", "chown", "utimensat"].map(|call| format!("{call} by name: {errno}"));
    let end = ["SIGIO came 0 times", "inotify of /dev afterwards: EAGAIN"];
    for who in everybody() {
        for linked in linked() {
            let answers = client("answers", linked);
            let text = Run::with(&[EEPROM]).by(who).expect(0, [answers.to_str().unwrap(), "alive"]);
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            let noted = notes(&lines);
            assert!(noted.contains(&"read of nothing: OK"), "it is a transfer: {noted:#?}");
            for note in
                calls.iter().chain(&alive).chain(&end).copied().chain(names("EPERM").each_ref().map(String::as_str))
            {
                assert!(noted.contains(&note), "{note}: {noted:#?}");
            }
            let lines = Run::with(&[EEPROM]).by(who).start([answers.to_str().unwrap(), "pulled"]).pulled(0);
            let noted = notes(&lines);
            assert!(noted.contains(&"read of nothing: ENODEV"), "{noted:#?}");
            for note in calls.iter().chain(&end).copied().chain(names("ENOENT").each_ref().map(String::as_str)) {
                assert!(noted.contains(&note), "{note}: {noted:#?}");
            }
        }
    }
}

/// Where the kernel has io_uring: 5.4 and later, unless sysctl kernel.io_uring_disabled says no.
#[test]
fn io_uring_carries_descriptors() {
    let ring = client("ring", "static");
    let ring = ring.to_str().unwrap();
    for who in everybody() {
        let output = Run::with(&[EEPROM]).by(who).output([ring, "alive"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.code() == Some(3) {
            println!("{who:?}: {text}");
            continue;
        }
        assert_eq!(output.status.code(), Some(0), "{text}");
        // Differences: Linux' i2c-dev says EINVAL to io_submit, and opens by name.
        assert!(text.contains("note open by name: ENOENT") && text.contains("note io_submit of a read: OK"), "{text}");
        let run = || Run::with(&[EEPROM, SLOW]).by(who).env("OUTLIVE_CLIENT_SLOW", "0x48");
        run().start([ring, "pulled"]).pulled(1);
        let lines = run().start([ring, "waits"]).pulled(1);
        assert_eq!(notes(&lines), ["io_uring_enter returned afterwards"]);
        // What is under way does not keep a program from ending, nor from being killed.
        let mut live = run().start([ring, "exits"]);
        live.line("ready");
        live.until_inside(1);
        live.end_of_input();
        assert_eq!(live.exit_code(), 0);
        let mut live = run().start([ring, "exits"]);
        live.line("ready");
        live.until_inside(1);
        crate::stage::kill(live.process("ring-static"), "KILL");
        assert_eq!(live.exit_code(), 137);
        live.expect_nothing_left();
    }
}

/// A shell's redirections and dd, on both sides of a removal.
#[test]
fn a_shell_and_dd_meet_the_removal() {
    let script = "exec 3<>/dev/i2c-7 4<&3; $0 inherited 3 >&2 || exit 1; \
                  printf '\\020abcd' | dd bs=5 status=none >&3; \
                  printf '\\020' >&4; dd bs=4 count=1 status=none <&3; echo; echo ready; read gone <&9; \
                  dd bs=1 count=1 <&3; echo dd $?; dd of=/dev/fd/4 bs=1 count=1 </dev/zero; echo dd $?; \
                  cat <&4; echo cat $?; printf x >&3; echo printf $?; \
                  dd if=/dev/i2c-7 bs=1 count=1; echo dd $?; \
                  exec 3>&- 4>&-; echo closed";
    let fdgames = client("fdgames", "shared");
    for who in everybody() {
        let outer = format!("exec 9<&0; exec 2>&1; {script}");
        let mut live = Run::with(&[EEPROM]).by(who).start(["sh", "-c", &outer, fdgames.to_str().unwrap()]);
        assert_eq!(live.line("abcd"), "abcd");
        live.line("ready");
        assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
        live.end_of_input();
        let said = live.rest().join("\n");
        for (text, times) in [("No such device", 3), ("No such file or directory", 1), ("closed", 1)] {
            assert_eq!(said.matches(text).count(), times, "{text}: {said}");
        }
        for failed in ["cat 1", "printf 1"] {
            assert!(said.contains(failed), "{failed}: {said}");
        }
        assert_eq!(said.matches("dd 1").count(), 3, "{said}");
        assert_eq!(live.exit_code(), 0);
    }
}

/// Nothing that a tree does to our names reaches the machine's own nodes, and no copy of a node is a device.
#[test]
fn names_cannot_be_changed() {
    let script = "cd /tmp; for c in 'rm -f /dev/i2c-7' 'mv /dev/i2c-7 gone' 'mv -f /etc/hostname /dev/i2c-7' \
                  'ln /dev/i2c-7 link' 'mknod /dev/i2c-7 c 1 3' 'truncate -s 0 /dev/i2c-7' \
                  'chmod 777 /dev/i2c-7' 'setfattr -n user.x /dev/i2c-7'; do \
                  $c 2>/dev/null && echo \"$c works\"; done; i2cget -y 7 0x50 0; stat -c %a /dev/i2c-7";
    for who in everybody() {
        assert_eq!(Run::with(&[EEPROM]).by(who).expect(0, ["sh", "-c", script]), "0xff\n600\n", "{who:?}");
    }
}

/// I26: the machine may have a node of the same name, in a /dev that only this test sees.
#[test]
fn the_machines_own_node_stays_as_it_is() {
    let inside = "chmod 777 /dev/i2c-7; rm -f /dev/i2c-7; mv -f /dev/i2c-7 /dev/gone; touch /dev/i2c-7; \
                  truncate -s 9 /dev/i2c-7; echo x >/dev/i2c-7; i2cget -y 7 0x50 0";
    let outside = format!(
        "mount -t tmpfs none /mnt && cp -a /dev/fuse /dev/null /mnt && echo own >/mnt/i2c-7 && chmod 640 /mnt/i2c-7 && \
         mount --bind /mnt /dev && {} run --device {EEPROM} -- sh -c '{inside}' 2>/dev/null; \
         stat -c '%a %F' /dev/i2c-7; cat /dev/i2c-7; ls /dev",
        outlive().display()
    );
    let output = std::process::Command::new("unshare").args(["-m", "sh", "-c", &outside]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "0xff\n640 regular file\nown\nfuse\ni2c-7\nnull\n", "{output:?}");
}

/// A lab of root's serves other users as well: by a descriptor, as on Linux, and by name, where Linux would ask for the
/// node's mode (docs/differences.md).
#[test]
fn a_program_that_has_become_another_user_keeps_its_device() {
    let script = "exec 3<>/dev/i2c-7; as=\"setpriv --reuid=65534 --regid=65534 --clear-groups\"; \
                  $as $0 inherited 3 && $as i2cget -y 7 0x50 0";
    let fdgames = client("fdgames", "shared");
    let text = Run::with(&[EEPROM]).expect(0, ["sh", "-c", script, fdgames.to_str().unwrap()]);
    assert!(text.ends_with("0xff\n"), "{text}");
}

/// As util-linux' flock does it around a command, and i2c programs do among themselves.
#[test]
fn a_lock_holds_among_all_who_open_the_device() {
    if not_on_plain("flock(2) holds among those who share an open file") {
        return;
    }
    let script = "flock -n /dev/i2c-7 sh -c 'flock -n /dev/i2c-7 true; echo $?; i2cget -y 7 0x50 0'; \
                  flock -n /dev/i2c-7 echo free; exec 5</dev/i2c-7; flock 5; echo held; \
                  flock /dev/i2c-7 echo mine & sleep 0.2; echo given back; flock -u 5; wait; \
                  flock 5; flock /dev/i2c-7 true & sleep 0.1; kill -9 $!; { wait $!; } 2>/dev/null; echo $?";
    for who in everybody() {
        let text = Run::with(&[EEPROM]).by(who).expect(0, ["sh", "-c", script]);
        assert_eq!(text, "1\n0xff\nfree\nheld\ngiven back\nmine\n137\n", "{who:?}");
    }
}

/// Differences (docs/differences.md): memory that an ordinary user's supervisor may not read, and a limit that Linux has
/// for files alone.
#[test]
fn a_program_that_hides_or_limits_itself_gets_errors() {
    if not_on_plain("memory that cannot be read says EFAULT, and limits on files are not met") {
        return;
    }
    const HIDES: &str = "
import array, ctypes, errno, fcntl, os, stat
def error_of(call, *arguments):
    try: call(*arguments)
    except OSError as error: return errno.errorcode[error.errno]
    return 'OK'
bus = os.open('/dev/i2c-7', os.O_RDWR)
fcntl.ioctl(bus, 0x0703, 0x50)
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
print(error_of(fcntl.ioctl, bus, 0x0705, array.array('L', [0])), error_of(fcntl.ioctl, bus, 0x0703, 0x50),
      error_of(os.write, bus, b'x'), error_of(os.read, bus, 1), error_of(os.open, '/dev/i2c-7', os.O_RDWR),
      stat.S_ISCHR(os.fstat(bus).st_mode))
";
    for (who, said) in everybody().into_iter().zip(["OK OK OK OK OK True", "EFAULT OK OK OK ENOENT False"]) {
        let text = Run::with(&[EEPROM]).by(who).expect(0, ["/usr/bin/python3", "-c", HIDES]);
        assert_eq!(text.trim(), said, "{who:?}");
        let script = "exec 3<>/dev/i2c-7; trap '' XFSZ; ulimit -f 0; printf x >&3";
        let text = Run::with(&[EEPROM]).by(who).expect(1, ["bash", "-c", script]);
        assert!(text.contains("File too large"), "{text}");
        let script = "ulimit -n 4; exec 3<>/dev/i2c-7; exec 4<>/dev/i2c-7";
        let text = Run::with(&[EEPROM]).by(who).expect(1, ["bash", "-c", script]);
        assert!(text.contains("Too many open files"), "{text}");
    }
}
