//! `outlive trace` with real clients: what its lines say, and what becomes of them when something goes wrong.

use serde_json::Value;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

const OUTLIVE: &str = env!("CARGO_BIN_EXE_outlive");
/// An EEPROM of 256 bytes on bus 7, empty: each byte is 0xff.
const EEPROM: &str = "i2c:24c02@0x50,bus=7";
const PATIENCE: Duration = Duration::from_secs(60);

/// `outlive trace` with these options, and CMD; not started. It never hangs for good.
fn trace(options: &[&str], cmd: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-k", "1", "60", OUTLIVE, "trace"]).args(options).arg("--").args(cmd);
    command.env_remove("OUTLIVE_LAB").env("PATH", path()).stdin(Stdio::null());
    command
}

/// So that scripts find the binary that is tested.
fn path() -> String {
    let folder = std::path::Path::new(OUTLIVE).parent().unwrap().display();
    format!("{folder}:{}", std::env::var("PATH").unwrap_or_default())
}

fn run(options: &[&str], cmd: &[&str]) -> Output {
    trace(options, cmd).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A trace without what differs from run to run: the times and the numbers of processes.
fn masked(trace: &str) -> String {
    let is_time = |word: &str| word.len() > 7 && word.ends_with(|c: char| c.is_ascii_digit()) && word.contains('.');
    let mut masked = String::new();
    for line in trace.lines() {
        let mut before = "";
        let words = line.split(' ').map(|word| {
            let inner = word.strip_prefix('<').and_then(|word| word.strip_suffix('>'));
            let shown = match inner {
                Some(inner) if is_time(inner) => "<T>",
                None if before.is_empty() && is_time(word) => "T",
                _ if before == "pid" => "P",
                _ => word,
            };
            before = word;
            shown
        });
        masked.push_str(&words.collect::<Vec<_>>().join(" "));
        masked.push('\n');
    }
    masked
}

/// Traces CMD, which must exit with `code`, and compares the masked trace.
#[track_caller]
fn check(options: &[&str], cmd: &[&str], code: i32, expected: &str) {
    let output = run(options, cmd);
    assert_eq!((masked(&text(&output.stderr)).as_str(), output.status.code()), (expected, Some(code)));
}

#[test]
fn each_operation_is_a_line_in_the_words_of_its_class() {
    check(
        &["--device", EEPROM],
        &["i2cset", "-y", "7", "0x50", "3", "0x2a"],
        0,
        "\
T pid P (i2cset) /dev/i2c-7 open = handle 1 <T>
T pid P (i2cset) /dev/i2c-7 handle 1 ioctl I2C_FUNCS = 0x0fff801f <T>
T pid P (i2cset) /dev/i2c-7 handle 1 ioctl I2C_SLAVE 0x50 = 0 <T>
T pid P (i2cset) /dev/i2c-7 handle 1 ioctl I2C_SMBUS write_byte_data 0x50 reg 0x03 value 0x2a = 0 <T>
T /dev/i2c-7 handle 1 close
T +++ exited with 0 +++
",
    );
    check(
        &["--device", "i2c:lm75@0x48,bus=7,temp=21.5"],
        &["i2cget", "-y", "7", "0x48", "0", "w"],
        0,
        "\
T pid P (i2cget) /dev/i2c-7 open = handle 1 <T>
T pid P (i2cget) /dev/i2c-7 handle 1 ioctl I2C_FUNCS = 0x0fff801f <T>
T pid P (i2cget) /dev/i2c-7 handle 1 ioctl I2C_SLAVE 0x48 = 0 <T>
T pid P (i2cget) /dev/i2c-7 handle 1 ioctl I2C_SMBUS read_word_data 0x48 reg 0x00 = 0x8015 <T>
T /dev/i2c-7 handle 1 close
T +++ exited with 0 +++
",
    );
    check(
        &["--device", EEPROM],
        &["i2ctransfer", "-y", "7", "w3@0x50", "0", "1", "2", "w1", "0", "r3"],
        0,
        "\
T pid P (i2ctransfer) /dev/i2c-7 open = handle 1 <T>
T pid P (i2ctransfer) /dev/i2c-7 handle 1 ioctl I2C_FUNCS = 0x0fff801f <T>
T pid P (i2ctransfer) /dev/i2c-7 handle 1 ioctl I2C_SLAVE 0x50 = 0 <T>
T pid P (i2ctransfer) /dev/i2c-7 handle 1 ioctl I2C_RDWR w3@0x50 w1@0x50 r3@0x50 [00 01 02] [00] = 3 [ff ff ff] <T>
T /dev/i2c-7 handle 1 close
T +++ exited with 0 +++
",
    );
}

#[test]
fn errors_have_their_names() {
    let output = run(&["--device", EEPROM], &["i2cget", "-y", "7", "0x51", "0"]);
    let trace = masked(&text(&output.stderr));
    let line = "ioctl I2C_SMBUS read_byte_data 0x51 reg 0x00 = -1 ENXIO (No such device or address) <T>\n";
    assert!(trace.contains(line), "{trace}");
    // i2cget exits with 2.
    assert!(trace.ends_with("T +++ exited with 2 +++\n"), "{trace}");
}

/// What Python's smbus2 and plain reads and writes carry; cut where it is long.
#[test]
fn data_is_shown_and_cut_at_the_limit() {
    let script = "\
import os, smbus2
bus = smbus2.SMBus(7)
bus.write_i2c_block_data(0x50, 8, [1, 2, 3])
bus.read_i2c_block_data(0x50, 8, 4)
os.write(bus.fd, bytes([8]))
os.read(bus.fd, 40)
bus.close()";
    let lines = |options: &[&str]| {
        let output = run(&[&["--device", EEPROM], options].concat(), &["/usr/bin/python3", "-c", script]);
        let trace = masked(&text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{trace}");
        let data = trace.lines().filter(|line| line.contains('['));
        let tail = |line: &str| line.split_once("handle 1 ").unwrap().1.to_owned();
        data.map(tail).collect::<Vec<_>>()
    };
    let block = "ioctl I2C_SMBUS write_i2c_block_data 0x50 reg 0x08 len 3";
    let read = "ioctl I2C_SMBUS read_i2c_block_data 0x50 reg 0x08 len 4";
    let long = format!("01 02 03{}", " ff".repeat(29));
    let whole = [
        format!("{block} [01 02 03] = 0 <T>"),
        format!("{read} = 0 [01 02 03 ff] <T>"),
        "write 1 to 0x50 [08] = 1 <T>".to_owned(),
        format!("read 40 from 0x50 = 40 [{long} …] <T>"),
    ];
    assert_eq!(lines(&[]), whole);
    let cut = [
        format!("{block} [01 02 …] = 0 <T>"),
        format!("{read} = 0 [01 02 …] <T>"),
        "write 1 to 0x50 [08] = 1 <T>".to_owned(),
        "read 40 from 0x50 = 40 [01 02 …] <T>".to_owned(),
    ];
    assert_eq!(lines(&["--string-limit", "2"]), cut);
}

/// The lines of a trace in JSON.
fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn json_has_an_object_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace.jsonl");
    let options = ["--device", EEPROM, "--name", "traced", "--json", "--summary", "-o", file.to_str().unwrap()];
    let output = run(&options, &["i2ctransfer", "-y", "7", "w1@0x50", "0", "r2"]);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let objects = objects(&fs::read_to_string(&file).unwrap());
    let types: Vec<_> = objects.iter().map(|object| object["type"].as_str().unwrap()).collect();
    let expected = ["start", "operation", "operation", "operation", "operation", "close", "end", "summary"];
    assert_eq!(types, expected);
    assert_eq!((&objects[0]["lab"], &objects[0]["devices"]), (&"traced".into(), &vec!["i2c-7"].into()));
    assert!(objects[0]["unix_time"].as_f64().unwrap() > 1.7e9);
    assert_eq!(objects[0]["command"][0], "i2ctransfer");
    let transfer = objects[4].as_object().unwrap();
    let fields: Vec<_> = transfer.keys().map(String::as_str).collect();
    for field in "time number device pid comm handle call what sent brought value errno duration cut".split(' ') {
        assert!(fields.contains(&field), "{field} in {fields:?}");
    }
    assert_eq!(transfer["what"], "I2C_RDWR w1@0x50 r2@0x50");
    assert_eq!((&transfer["value"], &transfer["errno"], &transfer["cut"]), (&2.into(), &Value::Null, &false.into()));
    assert_eq!(transfer["sent"][0]["hex"], "00");
    assert_eq!((&transfer["brought"][0]["hex"], &transfer["brought"][0]["bytes"]), (&"ffff".into(), &2.into()));
    assert_eq!(objects[2]["brought"], 0x0fff_801f, "a number is one");
    let times: Vec<_> = objects.iter().map(|object| object["time"].as_f64().unwrap()).collect();
    assert!(times.is_sorted() && transfer["duration"].as_f64().unwrap() > 0.0, "{times:?}");
    assert_eq!((&objects[6]["exit"], &objects[6]["signal"]), (&0.into(), &Value::Null));
    assert!(objects[7]["operations"].as_array().unwrap().iter().any(|kind| kind["operation"] == "I2C_RDWR"));
}

/// A sleeper in a transfer and one in poll, an unplug, a zombie, and the next generation.
#[test]
fn what_becomes_of_the_device_stands_between() {
    let script = "\
i2cget -y 7 0x50 0 2>/dev/null & sleep 1.3
outlive set i2c-7 blocked >/dev/null; outlive set i2c-7 running >/dev/null
outlive unplug i2c-7 --orderly >/dev/null; wait
i2cget -y 7 0x50 0 2>/dev/null
outlive plug i2c-7 >/dev/null";
    let output = run(&["--device", &format!("{EEPROM},slow=1h")], &["sh", "-c", script]);
    let trace = masked(&text(&output.stderr));
    // When the sleeper has ended and its file is closed, and the next one fails, nobody waits for each other.
    let closed = "T /dev/i2c-7 handle 1 close\n";
    let expected = "\
T pid P (i2cget) /dev/i2c-7 open = handle 1 <T>
T pid P (i2cget) /dev/i2c-7 handle 1 ioctl I2C_FUNCS = 0x0fff801f <T>
T pid P (i2cget) /dev/i2c-7 handle 1 ioctl I2C_SLAVE 0x50 = 0 <T>
T pid P (i2cget) /dev/i2c-7 handle 1 ioctl I2C_SMBUS read_byte_data 0x50 reg 0x00 <unfinished ...>
T /dev/i2c-7 --- generation 1 set blocked ---
T /dev/i2c-7 --- generation 1 set running ---
T /dev/i2c-7 --- generation 1 unplugged: removed in good order ---
T pid P (i2cget) /dev/i2c-7 handle 1 <... ioctl resumed> = -1 ENODEV (No such device) <T> cut by the removal
T pid P (i2cget) /dev/i2c-7 open = -1 ENOENT (No such file or directory) <T>
T /dev/i2c-7 --- generation 2 plugged ---
T +++ exited with 0 +++
";
    assert!(trace.contains(closed), "{trace}");
    assert_eq!(trace.replacen(closed, "", 1), expected);
}

#[test]
fn polls_say_whether_they_wait_and_a_zombie_is_not_cut() {
    let script = "\
import os, select, subprocess
f = os.open('/dev/i2c-7', os.O_RDWR)
p = select.poll()
p.register(f, select.POLLIN)
p.poll(0)
p.modify(f, 0)
child = subprocess.Popen('sleep 0.3; outlive unplug i2c-7', shell=True, stdout=subprocess.DEVNULL)
p.poll()
child.wait()
try: os.read(f, 1)
except OSError: pass";
    let output = run(&["--device", EEPROM], &["/usr/bin/python3", "-c", script]);
    let trace = masked(&text(&output.stderr));
    let expected = "\
T pid P (python3) /dev/i2c-7 open = handle 1 <T>
T pid P (python3) /dev/i2c-7 handle 1 poll = IN|OUT|RDNORM|WRNORM
T pid P (python3) /dev/i2c-7 handle 1 poll = IN|OUT|RDNORM|WRNORM (waits)
T /dev/i2c-7 --- generation 1 unplugged: pulled ---
T pid P (python3) /dev/i2c-7 handle 1 poll = ERR|HUP
T pid P (python3) /dev/i2c-7 handle 1 read 1 from 0x00 = -1 ENODEV (No such device) <T>
T /dev/i2c-7 handle 1 close
T +++ exited with 0 +++
";
    assert_eq!(trace, expected);
}

#[test]
fn the_summary_counts_by_kind() {
    let output = run(&["--device", EEPROM, "--summary-only"], &["i2cdump", "-y", "7", "0x50", "b"]);
    let table = text(&output.stderr);
    let rows: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0].join(" "), "% time seconds usecs/call longest calls errors operation");
    let row = |name: &str| {
        let found = rows.iter().find(|row| row[5..].join(" ") == name);
        found.map(|row| (row[4], row[5].len())).unwrap_or_else(|| panic!("{name} in:\n{table}"))
    };
    assert_eq!(row("0 I2C_SMBUS read_byte_data").0, "256");
    assert_eq!(row("0 open").0, "1");
    assert_eq!(row("0 total").0, "259");
    assert!(!table.contains("pid"), "{table}");
    let output = run(&["--device", EEPROM, "--summary"], &["i2cget", "-y", "7", "0x51", "0"]);
    let both = text(&output.stderr);
    assert!(
        both.contains("+++ exited with 2 +++\n% time ") && both.contains("      1       1  I2C_SMBUS read_byte"),
        "{both}"
    );
}

#[test]
fn the_exit_status_is_that_of_the_program() {
    for (script, code, end) in [
        ("exit 0", 0, "exited with 0"),
        ("exit 7", 7, "exited with 7"),
        ("kill -TERM $$", 143, "killed by SIGTERM"),
        ("kill -KILL $$", 137, "killed by SIGKILL"),
    ] {
        check(&["--device", EEPROM], &["sh", "-c", script], code, &format!("T +++ {end} +++\n"));
    }
    for (program, code) in [("no-such-program", 127), ("/etc/passwd", 126)] {
        let output = run(&["--device", EEPROM], &[program]);
        assert_eq!(output.status.code(), Some(code));
        assert!(text(&output.stderr).starts_with(&format!("outlive: {program}: not ")), "{}", text(&output.stderr));
    }
    assert_eq!(run(&["--nonsense"], &["true"]).status.code(), Some(125));
}

/// Who asked for a trace and has none must not be told that all is well; and what the program did is told all the same.
#[test]
fn a_trace_that_cannot_be_written_is_our_failure() {
    let output = run(&["--device", EEPROM, "-o", "/dev/full"], &["sh", "-c", "i2cget -y 7 0x50 0; exit 3"]);
    let said = text(&output.stderr);
    let expected =
        "outlive: /dev/full: No space left on device (os error 28); not all of the trace is there. CMD exited with 3\n";
    assert_eq!((said.as_str(), text(&output.stdout).as_str()), (expected, "0xff\n"));
    assert_eq!(output.status.code(), Some(125));

    let output = run(&["--device", EEPROM, "-o", "/no/such/folder/trace"], &["echo", "began"]);
    let said = text(&output.stderr);
    assert_eq!(said, "outlive: cannot write /no/such/folder/trace: No such file or directory (os error 2)\n");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(125), 0), "CMD did not run");
}

/// `outlive trace … 2>&1 | head -1` is no failure.
#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    let mut child = trace(&["--device", EEPROM], &["sh", "-c", "i2cdump -y 7 0x50 b >/dev/null; exit 4"]);
    let mut child = child.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(4));
}

/// Waits until the file has a line with `text`.
fn until(file: &std::path::Path, text: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let trace = fs::read_to_string(file).unwrap_or_default();
        if trace.contains(text) {
            return trace;
        }
        assert!(Instant::now() < deadline, "no {text} in:\n{trace}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(child: &Child) {
    let status = Command::new("kill").args(["-KILL", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Each line is written as soon as it is known: neither the death of CMD nor that of the tracer takes it away.
#[test]
fn what_was_traced_is_there_whoever_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace");
    let script = "i2cget -y 7 0x50 1 && sleep 600";
    // Without timeout(1) in between, which would not pass SIGKILL on.
    let mut command = Command::new(OUTLIVE);
    command.args(["trace", "--device", EEPROM, "-o"]).arg(&file).args(["--", "sh", "-c", script]);
    let mut child = command.env_remove("OUTLIVE_LAB").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until(&file, "reg 0x01 = 0xff");
    kill(&child);
    child.wait().unwrap();
    let trace = fs::read_to_string(&file).unwrap();
    assert!(trace.contains("reg 0x01 = 0xff") && !trace.contains("+++"), "{trace}");
}

/// A program must not wait for whoever reads the trace; and the reader hears of what it missed.
#[test]
fn a_slow_reader_stalls_nobody_and_hears_what_it_missed() {
    let script = "\
import os, fcntl
f = os.open('/dev/i2c-7', os.O_RDWR)
fcntl.ioctl(f, 0x0703, 0x50)
for i in range(4000): os.read(f, 8192)
print('done', flush=True)
os.close(f)";
    let mut child = trace(&["--device", EEPROM, "--json"], &["/usr/bin/python3", "-c", script]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut done = String::new();
    // Nobody reads the trace until the program is through with all of it.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut done).unwrap();
    assert_eq!(done, "done\n");
    let mut trace = String::new();
    child.stderr.take().unwrap().read_to_string(&mut trace).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let objects = objects(&trace);
    let lost: u64 = objects.iter().filter_map(|object| object["lines"].as_u64()).sum();
    let told = objects.iter().filter(|object| object["call"] == "read").count() as u64;
    assert!(lost > 0 && told > 0, "{told} told, {lost} lost");
    // Besides the reads, no more than the close can have been among them.
    assert!((4000..=4001).contains(&(told + lost)), "{told} told, {lost} lost");
    assert_eq!(objects.last().unwrap()["type"], "end");
}

/// Whoever reads the trace may never do so; then outlive can be ended as any program that waits for its reader.
#[test]
fn a_tracer_whose_reader_sleeps_ends_by_a_signal() {
    let mut command = Command::new(OUTLIVE);
    command.args(["trace", "--device", EEPROM, "--", "sh", "-c"]);
    command.arg("for i in 1 2 3 4 5; do i2cdump -y 7 0x50 b >/dev/null; done; echo done");
    let mut child = command.env_remove("OUTLIVE_LAB").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut done = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut done).unwrap();
    assert_eq!(done, "done\n");
    let deadline = Instant::now() + PATIENCE;
    // The first may still be passed on to the shell, which is about to end.
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it cannot be ended");
        Command::new("kill").arg(child.id().to_string()).status().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}

/// Nothing of ours is open in CMD: a trace's file is not its business.
#[test]
fn the_file_is_not_inherited() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace");
    File::create(&file).unwrap();
    let output = run(&["--device", EEPROM, "-o", file.to_str().unwrap()], &["sh", "-c", "ls -l /proc/self/fd"]);
    assert!(!text(&output.stdout).contains(file.to_str().unwrap()), "{}", text(&output.stdout));
    assert!(text(&output.stderr).is_empty());
}
