//! Boards that a program maps and waits for: what it sees of them, alive and gone.

use crate::stage::{Live, PATIENCE, Run, Who, client, everybody, is_plain, is_trapped, kill, outlive};
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A timer with two pages of registers, a page of memory, and an interrupt each 2 ms.
const TIMER: &str = "uio:timer,num=0,size=8KiB,ram=4KiB,period=2ms";

/// Runs the client, every check of which must hold, and gives what it printed.
fn uio(who: Who, linked: &str, words: &[&str]) -> String {
    let program = client("uio", linked);
    let text = Run::with(&[TIMER]).by(who).expect(0, [&[program.to_str().unwrap()], words].concat());
    assert!(text.contains(" ok, 0 failed") && !text.contains("FAIL"), "{words:?}: {text}");
    text
}

#[test]
fn interrupts_are_waited_for_by_read_poll_and_epoll() {
    for who in everybody() {
        for linked in ["shared", "static"] {
            uio(who, linked, &["calls"]);
        }
    }
}

/// Coherent both ways at once; private, partial, moved, inherited, by several and after exec.
#[test]
fn memory_is_mapped_as_mmap_has_it() {
    for who in everybody() {
        for linked in ["shared", "static"] {
            uio(who, linked, &["maps"]);
        }
    }
}

/// Ten thousand maps by four threads under a signal each millisecond: none wrong, no descriptor left.
#[test]
fn maps_are_right_in_a_storm_of_signals() {
    for who in everybody() {
        uio(who, "static", &["storm", "4", "10000"]);
    }
}

#[test]
fn what_is_lent_for_a_map_is_not_left_to_programs_that_are_executed() {
    uio(Who::Root, "shared", &["forks", "1000"]);
}

/// The number that is mapped means something else a moment later: what is mapped is one or the other.
#[test]
fn a_number_that_is_given_to_other_files_meanwhile_maps_one_of_them() {
    uio(Who::Root, "static", &["churn", "3000"]);
}

/// exec ends the other threads, wherever they are in a map.
#[test]
fn a_program_is_executed_in_the_middle_of_maps() {
    for who in everybody() {
        uio(who, "static", &["execs", "100"]);
    }
}

#[test]
fn a_board_without_an_interrupt_is_memory() {
    let program = "
import errno, mmap, os, select, struct
fd = os.open('/dev/uio0', os.O_RDWR)
memory = mmap.mmap(fd, 4096)
print(memory[0:4])
for call in (lambda: os.read(fd, 4), lambda: os.write(fd, struct.pack('I', 1))):
    try:
        call()
    except OSError as error:
        print(errno.errorcode[error.errno])
poll = select.poll()
poll.register(fd, select.POLLIN)
print(poll.poll(0)[0][1])
";
    let text = Run::with(&["uio:timer,num=0,period=0"]).expect(0, ["python3", "-c", program]);
    // IN, and ERR where poll can say so.
    let bits = if is_plain() { 1 } else { 9 };
    assert_eq!(text, format!("b'RMIT'\nEIO\nEIO\n{bits}\n"));
}

#[test]
fn interrupts_are_signalled_where_signals_are() {
    let program = client("sigio", "shared");
    for who in everybody().into_iter().filter(|_| is_trapped() || is_plain()) {
        let words = [program.to_str().unwrap(), "/dev/uio0", "counts"];
        let mut live = Run::with(&[TIMER]).by(who).start(words);
        live.line("pull");
        assert_eq!(live.command(&["unplug", "uio0"]).0, 0);
        let said = live.rest();
        assert_eq!(live.exit_code(), 0, "{who:?}: {said:?}");
        assert!(said.last().unwrap().ends_with(" ok, 0 failed"), "{who:?}: {said:?}");
    }
}

fn pulled(who: Who, words: &[&str]) -> Live {
    let program = client("uio", "static");
    let words = [&[program.to_str().unwrap(), "pulled"], words].concat();
    let live = Run::with(&[TIMER]).by(who).start(words);
    live.line("ready");
    live
}

/// Waits until the process sleeps in that call: its number and its first argument, from proc(5).
fn until_in_call(pid: u32, name: &str) {
    let call = if name == "read" { "0 0x" } else { "7 " };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap();
        if now.starts_with(call) {
            return;
        }
        assert!(Instant::now() < deadline, "not in {name}: {now}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// I1, I2, I15, I19, I24 to I26: pulled while mapped, and while asleep; the mapping lives, apart from everything.
#[test]
fn mappings_outlive_their_board() {
    for who in everybody() {
        for how in [&[][..], &["read"], &["poll"]] {
            let mut live = pulled(who, how);
            if let [how] = how {
                until_in_call(live.process("uio-static"), how);
            }
            let (code, text) = live.command(&["unplug", "uio0"]);
            assert_eq!(code, 0, "{text}");
            live.say("\n");
            live.line("ready");
            assert_eq!(live.command(&["plug", "uio0"]), (0, "uio0: plugged in\n".to_owned()));
            live.say("\n");
            let failed: Vec<_> = live.rest().into_iter().filter(|line| line.starts_with("FAIL")).collect();
            assert_eq!((live.exit_code(), failed), (0, vec![]), "{who:?} {how:?}");
            live.expect_nothing_left();
        }
    }
}

/// Killed in the middle of maps, one by one or with its supervisor: nothing is left, nothing hangs.
#[test]
fn a_client_in_the_middle_of_maps_can_be_killed() {
    let program = client("uio", "static");
    for who in everybody() {
        for whom in ["client", "supervisor"] {
            for round in 0..5 {
                let mut live = Run::with(&[TIMER]).by(who).start([program.to_str().unwrap(), "loop"]);
                live.line("ready");
                std::thread::sleep(Duration::from_millis(20 + round));
                kill(if whom == "client" { live.process("uio-static") } else { live.child.id() }, "KILL");
                assert_eq!(live.exit_code(), 137, "{who:?} {whom}");
                live.expect_nothing_left();
            }
        }
    }
}

#[test]
fn a_client_asleep_in_a_read_can_be_killed() {
    for who in everybody() {
        let mut live = pulled(who, &["read"]);
        let pid = live.process("uio-static");
        until_in_call(pid, "read");
        kill(pid, "KILL");
        assert_eq!(live.exit_code(), 137, "{who:?}");
        live.expect_nothing_left();
    }
}

/// Stopped and continued in the middle of maps: a stop is neither lost nor made up.
#[test]
fn a_client_in_the_middle_of_maps_can_be_stopped() {
    let program = client("uio", "static");
    let mut live = Run::with(&[TIMER]).start([program.to_str().unwrap(), "loop"]);
    live.line("ready");
    let pid = live.process("uio-static");
    for _ in 0..50 {
        kill(pid, "STOP");
        until_threads(pid, |state| state == 'T');
        kill(pid, "CONT");
        until_threads(pid, |state| state != 'T');
    }
    kill(pid, "KILL");
    assert_eq!(live.exit_code(), 137);
}

/// Waits until the state of each thread, as proc(5) has it, `is` so.
fn until_threads(pid: u32, is: impl Fn(char) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let stats = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok());
        let states: Vec<_> = stats.map(|stat| stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()).collect();
        if states.iter().all(|state| is(*state)) {
            return;
        }
        assert!(Instant::now() < deadline, "{states:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Pulls and plugs while four threads map: each map is right or refused, and everything goes on.
#[test]
fn it_is_pulled_in_the_middle_of_maps() {
    let program = client("uio", "static");
    let mut live = Run::with(&[TIMER]).start([program.to_str().unwrap(), "loop"]);
    live.line("ready");
    for _ in 0..20 {
        assert_eq!(live.command(&["unplug", "uio0"]).0, 0);
        assert_eq!(live.command(&["plug", "uio0"]).0, 0);
    }
    kill(live.process("uio-static"), "KILL");
    assert_eq!(live.exit_code(), 137);
    live.expect_nothing_left();
}

/// Whoever has it mapped holds it, without a descriptor as well.
#[test]
fn a_policy_to_kill_finds_who_has_it_mapped() {
    let script = format!("{} wait; echo ended $?; read x", client("uio", "static").display());
    for who in everybody() {
        let mut live = Run::with(&[TIMER]).by(who).start(["sh", "-c", &script]);
        live.line("ready");
        let (code, text) = live.command(&["unplug", "uio0", "--policy", "kill"]);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("uio-static"), "{text}");
        assert_eq!(live.line("ended"), "ended 137");
        live.say("\n");
        assert_eq!(live.exit_code(), 0);
    }
}

/// A thread has one tracer: under another one's eyes it cannot be helped to map, and is told so.
#[test]
fn a_program_that_is_traced_is_told_why_it_cannot_map() {
    let program = "
import errno, mmap, os
fd = os.open('/dev/uio0', os.O_RDWR)
try:
    mmap.mmap(fd, 4096)
except OSError as error:
    print(errno.errorcode[error.errno])
print(len(os.read(fd, 4)))
";
    let output = Run::with(&[TIMER]).output(["strace", "-f", "-o", "/dev/null", "python3", "-c", program]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ENODEV\n4\n", "{said}");
    assert!(said.contains("is traced by somebody else"), "{said}");
}

/// Each mmap is an operation: explore pulls there, too.
#[test]
fn explore_counts_maps() {
    let program = "
import mmap, os
fd = os.open('/dev/uio0', os.O_RDWR)
mmap.mmap(fd, 4096)
";
    let mut explore = Command::new(outlive());
    explore.args(["explore", "--device", "uio:timer,num=0", "--json", "--", "python3", "-c", program]);
    let output = explore.env_remove("OUTLIVE_LAB").stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\"mmap\"") && text.contains("0x1000 at 0x0, shared"), "{text}");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
