//! `outlive explore` on real programs: each verdict has a canary that must get it.

mod contracts;
mod drm;
mod input;
mod tpm;

use serde_json::Value;
use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const OUTLIVE: &str = env!("CARGO_BIN_EXE_outlive");

/// `outlive explore` on an EEPROM and a sensor, with these options, on `command`.
fn explore(options: &[&str], command: &[&str]) -> Command {
    let mut explore = Command::new(OUTLIVE);
    explore.args(["explore", "--device", "i2c:24c02@0x50,bus=7", "--device", "i2c:lm75@0x48,bus=7"]);
    explore.args(options).arg("--").args(command);
    explore.stdin(Stdio::null());
    explore
}

fn client(name: &str) -> [&str; 4] {
    [OUTLIVE, "__client", name, "/dev/i2c-7"]
}

fn output(options: &[&str], command: &[&str]) -> Output {
    explore(options, command).output().expect("outlive starts")
}

#[track_caller]
fn report(options: &[&str], command: &[&str]) -> (Value, i32) {
    let output = output(&[&["--json"], options].concat(), command);
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code().expect("an exit code"))
}

fn verdicts(report: &Value) -> Vec<&str> {
    let points = report["points"].as_array().expect("a list of points");
    points.iter().map(|point| point["verdict"].as_str().expect("a verdict")).collect()
}

/// All four operations of a canary get its verdict. Four runs side by side, since some sleep until the limit.
#[track_caller]
fn canary(name: &str, verdict: &str, code: i32) {
    let (report, exit) = report(&["--timeout", "2s", "--jobs", "4"], &client(name));
    assert_eq!((verdicts(&report), exit), (vec![verdict; 4], code), "{report:#}");
}

#[test]
fn clean_is_a_program_that_says_so() {
    canary("clean", "clean", 0);
}

/// What becomes of a program does not depend on the way that its calls take.
#[test]
fn each_road_gives_the_same_verdicts() {
    let script = "import fcntl, os\n\
                  fd = os.open('/dev/i2c-7', os.O_RDWR)\n\
                  fcntl.ioctl(fd, 0x0703, 0x50)\n\
                  os.write(fd, b'\\0')\n\
                  try: os.read(fd, 1)\n\
                  except OSError: pass";
    for road in ["fuse", "trap", "plain"] {
        let (report, _) = report(&["--road", road], &["python3", "-c", script]);
        assert_eq!(verdicts(&report), ["clean", "clean", "clean", "silent"], "{road}: {report:#}");
    }
    let wrong = output(&["--road", "high"], &["true"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn silent_is_a_program_that_ignores_what_fails() {
    canary("silent", "silent", 1);
}

#[test]
fn flood_is_a_program_that_complains_without_end() {
    canary("flood", "flood", 1);
}

#[test]
fn spin_is_a_program_that_tries_again_without_end() {
    let (report, exit) = report(&["--timeout", "2s", "--at", "4"], &client("spin"));
    assert_eq!((verdicts(&report), exit), (vec!["spin"], 1), "{report:#}");
    assert_eq!(report["points"][0]["stopped"], "operations");
}

/// The name is gone, so these opens find nothing; they are operations on the device that was pulled all the same.
#[test]
fn spin_is_also_a_program_that_opens_again_without_end() {
    canary("reopen", "spin", 1);
}

#[test]
fn spin_is_also_a_program_that_computes_without_end() {
    canary("burn", "spin", 1);
}

#[test]
fn hang_is_a_program_that_waits_without_end() {
    canary("hang", "hang", 1);
}

#[test]
fn crash_is_a_program_that_aborts() {
    canary("crash", "crash", 1);
}

/// The name of a file that is not there, in the folder for tests' own files.
fn fresh(name: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_file(&file);
    file
}

/// It reads its device in the first run without a pull, and never again; which also makes it one that does not repeat.
#[test]
fn unaffected_is_a_program_that_needs_no_device_any_more() {
    let memory = fresh("memory");
    let command = [&client("unaffected")[..], &["--memory", memory.to_str().unwrap()]].concat();
    let (report, exit) = report(&[], &command);
    assert_eq!((verdicts(&report), exit), (vec!["unaffected"; 4], 0), "{report:#}");
    assert_eq!(report["plain"]["deterministic"], false);
    assert!(report["points"].as_array().unwrap().iter().all(|point| point["pulled"] == false));
    fs::remove_file(memory).unwrap();
}

#[test]
fn a_hang_says_where_it_sleeps() {
    let script = "import fcntl, os, time
bus = os.open('/dev/i2c-7', os.O_RDWR)
fcntl.ioctl(bus, 0x0703, 0x50)
try: os.read(bus, 1)
except OSError: time.sleep(600)";
    let (report, exit) = report(&["--at", "2"], &["python3", "-c", script]);
    assert_eq!((verdicts(&report), exit), (vec!["hang"], 1), "{report:#}");
    let threads = report["points"][0]["threads"].as_array().unwrap();
    assert!(threads.iter().any(|thread| thread["call"] == "clock_nanosleep"), "{threads:#?}");
}

/// The usual logger does something else in each of its parts; the careful one is right in all of them.
#[test]
fn the_two_loggers_of_the_demo() {
    let options = ["--timeout", "2s", "--jobs", "4", "--all"];
    let (usual, exit) = report(&options, &client("usual"));
    let parts: [&[&str]; 4] = [&["clean"; 4], &["spin"; 3], &["hang"; 4], &["silent"; 16]];
    assert_eq!((verdicts(&usual), exit), (parts.concat(), 1), "{usual:#}");
    let (careful, exit) = report(&options, &client("careful"));
    assert_eq!((verdicts(&careful), exit), (vec!["clean"; 27], 0), "{careful:#}");
}

#[test]
fn a_point_repeats_exactly() {
    for _ in 0..10 {
        let (report, exit) = report(&["--at", "20"], &client("usual"));
        let point = &report["points"][0];
        let seen = (&point["at"], &point["verdict"], &point["failed"], exit);
        assert_eq!(seen, (&Value::from(20), &Value::from("silent"), &Value::from(8), 1));
    }
}

#[test]
fn at_shows_the_operations_around_the_pull_and_the_output() {
    let output = output(&["--at", "14"], &client("usual"));
    let text = String::from_utf8_lossy(&output.stdout);
    let has = |line: &str| text.lines().any(|other| other.contains(line));
    assert!(has("point 14 of 27: I2C_SMBUS read_word_data 0x48 reg 0x00"), "{text}");
    assert!(has("silent: exit 0, 14 of its operations failed"), "{text}");
    let pulled = text.lines().find(|line| line.starts_with("pulled >")).expect("a line of the pull");
    assert!(pulled.contains(" 14-27 ") && pulled.ends_with("I2C_SMBUS read_word_data 0x48 reg 0x00 = EIO"), "{text}");
    assert!(has("| 0.0 °C"), "{text}");
}

#[test]
fn the_table_groups_equal_neighbours() {
    let output = output(&["--points", "1-7,12-"], &client("usual"));
    let text = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<&str> =
        text.lines().filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit())).collect();
    for (start, verdict) in
        [("  1-4  open (×2)", "clean"), ("  5-7  I2C_SLAVE 0x48", "spin"), ("12-27  I2C_SMBUS", "silent")]
    {
        assert!(rows.iter().any(|row| row.starts_with(start) && row.contains(verdict)), "{start} {verdict}\n{text}");
    }
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_baseline_is_a_ratchet() {
    let (report, exit) = report(&[], &client("silent"));
    assert_eq!(exit, 1);
    let file = fresh("baseline");
    let known = file.to_str().unwrap();
    fs::write(&file, report.to_string()).unwrap();
    assert_eq!(output(&["--baseline", known], &client("silent")).status.code(), Some(0));
    assert_eq!(output(&["--baseline", known], &client("crash")).status.code(), Some(1));
    fs::write(&file, "{}").unwrap();
    assert_eq!(output(&["--baseline", known], &client("silent")).status.code(), Some(2));
    fs::remove_file(file).unwrap();
}

/// Each run finds the content that the file has, whatever the runs before it have written.
#[test]
fn runs_do_not_find_what_others_wrote() {
    let file = fresh("content");
    fs::write(&file, [0xff; 256]).unwrap();
    let device = format!("i2c:24c02@0x57,bus=7,file={}", file.display());
    // Reads the byte at the address counter, 0, and goes on only if nobody has changed it.
    let script = "import fcntl, os, sys
bus = os.open('/dev/i2c-7', os.O_RDWR)
fcntl.ioctl(bus, 0x0703, 0x57)
if os.read(bus, 1) != b'\\xff': sys.exit(9)
os.write(bus, b'\\x00\\x01')
os.read(bus, 1)";
    let (report, exit) = report(&["--device", &device], &["python3", "-c", script]);
    let points = report["points"].as_array().unwrap();
    assert!(points.iter().all(|point| point["end"]["exit"] == 1), "{report:#}");
    assert_eq!((points.len(), exit, report["plain"]["deterministic"].as_bool()), (5, 0, Some(true)));
    assert_eq!(fs::read(&file).unwrap(), [0xff; 256]);
    fs::remove_file(file).unwrap();
}

#[test]
fn allow_and_expect_exit_decide_what_is_good() {
    let code = |options: &[&str], name: &str| output(options, &client(name)).status.code();
    assert_eq!(code(&["--allow", "silent"], "silent"), Some(0));
    assert_eq!(code(&["--expect-exit", "0"], "silent"), Some(0));
    assert_eq!(code(&["--allow", "unaffected"], "clean"), Some(1));
}

#[track_caller]
fn refused(options: &[&str], command: &[&str], code: i32, message: &str) {
    let output = output(options, command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(errors.contains(message), "{errors}");
    assert!(output.stdout.is_empty());
}

#[test]
fn bad_usage_exits_with_2() {
    let clean = client("clean");
    refused(&["--points", "3-1"], &clean, 2, "write 1-3");
    refused(&["--points", "5"], &clean, 2, "there is no point 5: the run without a pull has 4 operations");
    refused(&["--at", "0"], &clean, 2, "0 is not in 1..");
    refused(&["--at", "2", "--all"], &clean, 2, "cannot be used with");
    refused(&["--allow", "broken"], &clean, 2, "there is no verdict `broken`");
    refused(&["--budget", "5"], &clean, 2, "is not a duration");
    refused(&["--device", "i2c:24c02@0x50,bus=7"], &clean, 2, "0x50");
    refused(&["--baseline", "/nonexistent"], &clean, 2, "/nonexistent");
    refused(&[], &[], 2, "CMD");
}

#[test]
fn a_program_that_fails_without_a_pull_exits_with_3() {
    refused(&[], &["sh", "-c", "echo no luck; exit 4"], 3, "| no luck");
    refused(&[], &["true"], 3, "used none of the devices");
    refused(&[], &["/nonexistent/program"], 3, "/nonexistent/program");
    refused(&["--timeout", "1s"], &["sleep", "60"], 3, "had not ended after 1.");
}

/// Addresses twelve chips in an order of its own each time, and stops at the first failure: under the strict contract, at once.
const SHUFFLED: &str = "import fcntl, os, random
bus = os.open('/dev/i2c-7', os.O_RDWR)
for address in random.sample(range(0x10, 0x1c), 12): fcntl.ioctl(bus, 0x0703, address)";

/// A point is an operation by name: it is pulled at exactly that one, wherever this run has it.
#[test]
fn a_program_that_does_not_repeat_is_pulled_by_name() {
    let (report, exit) = report(&["--all", "--contract", "strict"], &["python3", "-c", SHUFFLED]);
    assert_eq!((report["plain"]["deterministic"].as_bool(), exit), (Some(false), 0), "{report:#}");
    let points = report["points"].as_array().unwrap();
    assert!(points.iter().all(|point| point["pulled"] == true && point.get("instead_of").is_none()), "{report:#}");
    assert!(points.iter().all(|point| point["failed"] == 1 && point["after"] == 1), "{report:#}");
    let mut names: Vec<&str> = points.iter().map(|point| point["what"].as_str().unwrap()).collect();
    names.sort_unstable();
    let wanted: Vec<String> = (0x10..0x1c).map(|address| format!("I2C_SLAVE {address:#04x}")).collect();
    assert_eq!(names[1..], wanted, "and one open, whose name is empty");
}

/// `--at 9` is the ninth operation of the run without a pull, at whatever place the pulled run has it.
#[test]
fn at_pulls_a_program_that_does_not_repeat_by_name() {
    for _ in 0..5 {
        let output = output(&["--at", "9", "--contract", "strict"], &["python3", "-c", SHUFFLED]);
        let text = String::from_utf8_lossy(&output.stdout);
        let wanted = text.lines().next().and_then(|line| line.strip_prefix("point 9 of 13: ")).expect("a heading");
        let pulled = text.lines().find(|line| line.starts_with("pulled >")).expect("a line of the pull");
        assert!(wanted.starts_with("I2C_SLAVE 0x1") && pulled.ends_with(&format!("{wanted} = ENODEV")), "{text}");
    }
}

#[test]
fn verbose_tells_each_point_as_it_is_done() {
    let output = output(&["-v", "--jobs", "1"], &client("clean"));
    let errors = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!((lines.len(), lines[0], output.status.code()), (4, "point 1: clean  open", Some(0)), "{errors}");
}

/// When the last process of a tree has ended, its supervisor hears so once, and does not ask again and again.
#[test]
fn the_end_of_a_tree_is_heard_once() {
    let trace = fresh("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=ioctl", "-o"]).arg(&trace);
    let status = strace.args([OUTLIVE, "run", "--device", "i2c:24c02@0x50,bus=7", "--", "true"]).status().unwrap();
    assert!(status.success());
    let text = fs::read_to_string(&trace).unwrap();
    fs::remove_file(trace).unwrap();
    let received: Vec<&str> = text.lines().filter(|line| line.contains("SECCOMP_IOCTL_NOTIF_RECV")).collect();
    assert!(received.len() > 2, "a program that is linked dynamically opens its libraries: {text}");
    let in_vain = text.lines().filter(|line| line.contains("ENOENT")).count();
    // Once for each thread that waits, and there may be a few on a loaded machine; one that asked on and on would do so
    // thousands of times.
    assert!(in_vain <= 30, "{in_vain} times in vain: {text}");
}

/// A program that stops the process of its own run, when the device has gone: no answer will ever come from there.
const STOPS_ITS_SUPERVISOR: &str = "import fcntl, os, signal, sys, time
bus = os.open('/dev/i2c-7', os.O_RDWR)
try:
    fcntl.ioctl(bus, 0x0703, 0x50)
except OSError:
    status = open('/proc/%d/status' % os.getppid()).read()
    os.kill(int(status.split('PPid:')[1].split()[0]), signal.SIGSTOP)
    time.sleep(600)";

#[test]
fn a_run_that_gives_no_answer_is_our_failure() {
    let marker = format!("outlive-stuck-{}", std::process::id());
    let command = ["python3", "-c", STOPS_ITS_SUPERVISOR, &marker];
    let reason = "the process of a run was killed, as it had not answered 10 s after the run's time limit of 5 s";
    let output = output(&["--timeout", "5s", "--all", "--jobs", "1", "--contract", "strict"], &command);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(125), "{text}");
    assert!(text.contains(&format!("given up at point 2, 1 point left: {reason}")), "{text}");
    assert!(text.lines().any(|line| line.starts_with("    1  open  ")), "what was found by then is kept: {text}");
    until("the last process to end", || processes(&marker).is_empty());
}

/// Processes whose command line contains `word`.
fn processes(word: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).into_owned()).filter(|line| line.contains(word)).collect()
}

#[track_caller]
fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        sleep(Duration::from_millis(20));
    }
}

/// kill -9 of the explorer, while its clients would sleep for a minute more.
#[test]
fn a_killed_explorer_leaves_no_process() {
    let marker = format!("outlive-test-{}", std::process::id());
    // `hang` has no use for its memory, but carries its name.
    let command = [&client("hang")[..], &["--memory", &marker]].concat();
    let mut explorer = explore(&["--timeout", "60s", "--at", "2"], &command).stdout(Stdio::null()).spawn().unwrap();
    // After this the runs without a pull, which take milliseconds, are over.
    sleep(Duration::from_secs(1));
    until("a client", || processes(&marker).len() > 1);
    explorer.kill().unwrap();
    explorer.wait().unwrap();
    until("the last process to end", || processes(&marker).is_empty());
}
