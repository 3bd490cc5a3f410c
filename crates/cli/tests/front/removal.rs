use crate::stage::{EEPROM, Run, client, everybody};
use std::time::Instant;

/// I1, I2, I15, I19, I25 to I27 at once: a thousand idle handles, a sleeper in poll, a sleeper in a transfer.
#[test]
fn unplug_waits_for_nobody_and_everybody_hears() {
    for who in everybody() {
        let sleeper = client("sleeper", "static");
        let sleeper = sleeper.to_str().unwrap();
        let script = format!(
            "OUTLIVE_CLIENT_ADDRESS=0x48 {sleeper} transfer & {sleeper} poll-hup replugged & \
             {sleeper} idle 1000 10 <&9 & wait"
        );
        let devices = [EEPROM, "i2c:lm75@0x48,bus=7,slow=1h"];
        let shell = format!("exec 9<&0; {script}");
        let mut live = Run::with(&devices).by(who).start(["sh", "-c", &shell]);
        for _ in 0..3 {
            live.line("ready");
        }
        // Until the transfer is inside.
        live.until_ls_says("I2C_SMBUS");

        let begin = Instant::now();
        let (code, text) = live.command(&["unplug", "i2c-7"]);
        println!("{who:?}: the whole command took {:?}: {text}", begin.elapsed());
        assert_eq!(code, 0, "{text}");
        assert!(text.starts_with("i2c-7: gone after "), "{text}");
        assert!(live.line("note the transfer ended").contains("ENODEV"));

        let (code, text) = live.command(&["plug", "i2c:24c02@0x50,bus=7"]);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("its number is held by 10"), "{text}");
        let (code, text) = live.command(&["plug", "i2c-7"]);
        assert_eq!((code, text.as_str()), (0, "i2c-7: plugged in\n"));
        let (_, text) = live.command(&["ls"]);
        assert!(text.contains("i2c-7  i2c    2 ") && text.contains("gone for"), "{text}");

        live.say("\n");
        assert_eq!(live.line("note 1000 files"), "note 1000 files got ENODEV");
        let failed: Vec<_> = live.rest().into_iter().filter(|line| line.starts_with("FAIL")).collect();
        assert_eq!(failed, [""; 0]);
        assert_eq!(live.exit_code(), 0);
    }
}

/// The sleeper in poll, by itself: what it prints is checked line by line in the client.
#[test]
fn a_poller_wakes_and_every_later_call_says_enodev() {
    let sleeper = client("sleeper", "shared");
    let mut live = Run::with(&[EEPROM]).start([sleeper.to_str().unwrap(), "poll-hup"]);
    live.line("ready");
    assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
    assert_eq!(live.line("note poll woke"), "note poll woke with ERR HUP (0x18)");
    let failed: Vec<_> = live.rest().into_iter().filter(|line| line.starts_with("FAIL")).collect();
    assert_eq!((live.exit_code(), failed), (0, vec![]));
}

#[test]
fn the_number_is_free_when_the_last_zombie_is_closed() {
    let mut live = Run::with(&[EEPROM]).start([
        "sh",
        "-c",
        "exec 3<>/dev/i2c-7; echo ready; read x; exec 3<&-; echo closed; read x; i2cget -y 7 0x51 0",
    ]);
    live.line("ready");
    assert_eq!(live.command(&["unplug", "--orderly", "i2c-7"]).0, 0);
    let (code, text) = live.command(&["plug", "i2c:24c02@0x51,bus=7"]);
    assert!(code == 1 && text.contains("held by 1 handle"), "{text}");
    live.say("\n");
    live.line("closed");
    // The kernel tells of the last close a moment later.
    let deadline = Instant::now() + crate::stage::PATIENCE;
    while live.command(&["plug", "i2c:24c02@0x51,bus=7"]).0 != 0 {
        assert!(Instant::now() < deadline);
    }
    live.say("\n");
    live.line("0xff");
    assert_eq!(live.exit_code(), 0);
}

#[test]
fn watchers_hear_of_removal_at_the_mark() {
    let mut live = Run::with(&[EEPROM]).start(["sh", "-c", "exec 3<>/dev/i2c-7; outlive=$0; echo ready; read x", "x"]);
    live.line("ready");
    let outlive = crate::stage::outlive();
    let mut events = std::process::Command::new(outlive);
    events.args(["events", "--json", "--in", &live.name]).stdout(std::process::Stdio::piped());
    let mut events = events.spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(events.stdout.take().unwrap()));
    // When it has begun to watch is not told: so there are events until it has heard enough.
    let reader = std::thread::spawn(move || [(); 3].map(|()| lines.next().unwrap().unwrap()));
    let deadline = Instant::now() + crate::stage::PATIENCE;
    while !reader.is_finished() {
        assert!(Instant::now() < deadline, "no events come");
        live.command(&["unplug", "i2c-7"]);
        live.command(&["plug", "i2c-7"]);
    }
    let heard = reader.join().unwrap();
    // The handle was there all the time, so removal is not heard at the last close (I21).
    for change in ["unplugged", "plugged"] {
        assert!(heard.iter().any(|event| event.contains(&format!("\"{change}\""))), "{heard:?}");
    }
    let _ = events.kill();
    let _ = events.wait();
    live.say("\n");
    assert_eq!(live.exit_code(), 0);
}

#[test]
fn ls_counts_handles_operations_and_numbers() {
    let sleeper = client("sleeper", "shared");
    let live = Run::with(&["i2c:24c02@0x50,bus=7,slow=1h"]).start([sleeper.to_str().unwrap(), "transfer"]);
    live.line("ready");
    live.until_ls_says("I2C_SMBUS");
    let (_, table) = live.command(&["ls"]);
    assert!(table.contains("i2c-7  i2c    1           1        1       7 held  running"), "{table}");
    assert_eq!(live.command(&["unplug", "i2c-8"]).0, 1);
}
