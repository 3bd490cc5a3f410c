//! What becomes of those who use a device as it is removed, and what a state means to them.

use crate::stage::{EEPROM, Run, everybody};

/// Reads a byte of a sensor and says how that went; then waits to be told to end.
const READS: &str = "
import fcntl, os, sys, errno
bus = os.open('/dev/i2c-7', os.O_RDWR)
fcntl.ioctl(bus, 0x0703, int(sys.argv[1], 0))
print('ready', flush=True)
try:
    os.read(bus, 2)
    print('read', flush=True)
except OSError as error:
    print(errno.errorcode[error.errno], flush=True)
";

/// A slow sensor: two seconds for a transfer.
const SLOW: &str = "i2c:lm75@0x48,bus=7,slow=2s";

/// I6: a transfer that is under way comes to its real end, and the removal waits for it; one that takes too long is
/// cancelled at the deadline.
#[test]
fn drain_lets_a_transfer_end() {
    for (policy, deadline, heard) in
        [("drain", "60s", "read"), ("drain", "50ms", "ENODEV"), ("detach", "60s", "ENODEV")]
    {
        let mut live = Run::with(&[SLOW]).start(["python3", "-c", READS, "0x48"]);
        live.line("ready");
        live.until_ls_says("inside for");
        let (code, text) = live.command(&["unplug", "i2c-7", "--policy", policy, "--deadline", deadline]);
        assert_eq!((code, live.line(heard).as_str()), (0, heard), "{policy} {deadline}: {text}");
        assert_eq!(live.exit_code(), 0);
    }
}

/// What the lab says holds where the command says nothing.
#[test]
fn the_lab_has_a_policy() {
    let device = format!("{SLOW},policy=drain");
    let mut live = Run::with(&[&device]).start(["python3", "-c", READS, "0x48"]);
    live.line("ready");
    live.until_ls_says("inside for");
    let (code, text) = live.command(&["unplug", "i2c-7", "--deadline", "60s"]);
    assert_eq!((code, live.line("read").as_str()), (0, "read"), "{text}");
    assert_eq!(live.exit_code(), 0);
}

/// The cdev_kill of the kernel's discussions: who has the device open is killed, however it came to it, and nobody else.
#[test]
fn kill_ends_the_holders_and_nobody_else() {
    const HOLDERS: &str = "
import os, socket, sys, time
bus = os.open('/dev/i2c-7', os.O_RDWR)
ours, theirs = socket.socketpair()
if os.fork() == 0:                              # has inherited it
    time.sleep(600)
if os.fork() == 0:                              # will be sent it
    os.close(bus)
    socket.recv_fds(theirs, 1, 1)
    theirs.send(b'x')
    time.sleep(600)
other = os.fork()
if other == 0:                                  # had it
    os.close(bus)
    ours.close(); theirs.close()
    os.write(1, b'ready\\n')       # a line in one piece
    sys.stdin.read()
    os.write(1, b'still here\\n')
    os._exit(0)
socket.send_fds(ours, [b'x'], [bus])
ours.recv(1)
os.write(1, b'passed on\\n')
time.sleep(600)
";
    for who in everybody() {
        // The shell waits for the one that is left, too: it has become the guardian's child.
        let script = "exec 9<&0; python3 -c \"$1\" <&9 & wait; echo the shell goes on";
        let mut live = Run::with(&[EEPROM]).by(who).start(["sh", "-c", script, "sh", HOLDERS]);
        let mut lines = [live.line(""), live.line("")];
        lines.sort();
        assert_eq!(lines, ["passed on", "ready"]);
        let (code, text) = live.command(&["unplug", "i2c-7", "--policy", "kill"]);
        assert_eq!((code, text.matches("killed process").count()), (0, 3), "{text}");
        assert!(text.contains("(python3)") && text.contains("i2c-7: gone after"), "{text}");
        assert_eq!(live.line("the shell").as_str(), "the shell goes on");
        live.end_of_input();
        assert_eq!(live.line("still").as_str(), "still here");
        assert_eq!(live.exit_code(), 0);
    }
}

/// I33: users are asked to leave, and waited for; new ones are refused; nobody is cut off before.
#[test]
fn a_prepared_removal_waits_for_its_users() {
    const USER: &str = "
import errno, os, sys
bus = os.open('/dev/i2c-7', os.O_RDWR)
print('ready', flush=True)
sys.stdin.readline()
try: os.open('/dev/i2c-7', os.O_RDWR)
except OSError as error: print('refused', errno.errorcode[error.errno], flush=True)
os.close(bus)
print('closed', flush=True)
sys.stdin.readline()
";
    let mut live = Run::with(&[EEPROM]).start(["python3", "-c", USER]);
    live.line("ready");
    let removal = live.in_background(&["unplug", "i2c-7", "--prepare", "60s"]);
    live.until_ls_says("closing");
    live.say("\n");
    assert_eq!(live.line("refused"), "refused ENODEV");
    assert_eq!(live.line("closed"), "closed");
    let (code, text) = removal.join().unwrap();
    assert!(code == 0 && text.contains("i2c-7: gone after") && text.contains("0 handles left"), "{text}");
    live.say("\n");
    assert_eq!(live.exit_code(), 0);
}

/// I5: who comes to a blocked device waits, goes on when it runs, and fails at once when it is pulled. One that is
/// offline fails new work, and is not gone.
#[test]
fn states_are_what_clients_meet() {
    for (then, heard) in [(vec!["set", "i2c-7", "running"], "read"), (vec!["unplug", "i2c-7"], "ENODEV")] {
        let mut live = Run::with(&[EEPROM]).start(["sh", "-c", "echo up; read go; exec python3 -c \"$0\" 0x50", READS]);
        live.line("up");
        let (code, text) = live.command(&["set", "i2c-7", "blocked"]);
        assert_eq!((code, text.as_str()), (0, "i2c-7: blocked\n"));
        live.say("\n");
        live.line("ready");
        live.until_ls_says("blocked");
        assert_eq!(live.command(&then.to_vec()).0, 0);
        assert_eq!(live.line(heard), heard);
        assert_eq!(live.exit_code(), 0);
    }
    let mut live = Run::with(&[EEPROM]).start(["sh", "-c", "echo up; read go; exec python3 -c \"$0\" 0x50", READS]);
    live.line("up");
    assert_eq!(live.command(&["set", "i2c-7", "offline"]).0, 0);
    let (code, text) = live.command(&["set", "i2c-7", "closing"]);
    assert!(code == 2 && text.contains("running, quiesced, blocked, offline"), "{text}");
    let (code, text) = live.command(&["set", "i2c-8", "running"]);
    assert!(code == 1 && text.contains("i2c-8: no such device"), "{text}");
    assert_eq!(live.command(&["set", "i2c-7", "running"]).0, 0);
    live.say("\n");
    live.line("ready");
    assert_eq!(live.line("read"), "read");
    assert_eq!(live.exit_code(), 0);
}
