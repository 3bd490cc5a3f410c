//! Cards under `outlive run`: programs of libdrm's, what they draw, cables, and what is left after a removal.

mod compositor;
mod hotplug;
mod masters;
mod prime;
mod removal;

use crate::stage::{Live, PATIENCE, Run, Who, client, everybody, kill};
use std::{fs, path::PathBuf, time::Instant};

const CARD: &str = "drm:virtual,connectors=2,mode=1280x800,num=0";

/// For programs that count sixty pictures before they say anything, and for screenshots: many small pictures.
const FAST: &str = "drm:virtual,connectors=2,mode=320x240@240,num=0";
const HERTZ: f64 = 240.0;

/// Runs a program of libdrm's and expects it to succeed.
fn told(who: Who, words: &[&str]) -> String {
    Run::with(&[CARD]).by(who).expect(0, words)
}

/// The C client, which says "ready".
fn drawing(who: Who, devices: &[&str], words: &[&str]) -> Live {
    let program = client("drm", "static");
    let live = Run::with(devices).by(who).start([&[program.to_str().unwrap()], words].concat());
    live.line("ready");
    live
}

/// Ends it, and expects that everything was as it should be.
fn expect_good(mut live: Live, what: &str) -> Vec<String> {
    live.end_of_input();
    let said = live.rest();
    assert_eq!(live.exit_code(), 0, "{what}: {said:#?}");
    assert!(said.last().is_some_and(|last| last.ends_with(" ok, 0 failed")), "{what}: {said:#?}");
    said
}

/// The numbers of the connectors and CRTCs, and the primary plane, as modetest tells them.
fn numbers(listed: &str, heading: &str) -> Vec<String> {
    let rows = listed.lines().skip_while(|line| *line != heading).skip(2);
    let rows = rows.take_while(|line| !(line.ends_with(':') && line.starts_with(|c: char| c.is_ascii_uppercase())));
    let first = rows.filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    first.filter_map(|line| line.split('\t').next().map(str::to_owned)).collect()
}

#[test]
fn modetest_lists_what_there_is() {
    for who in everybody() {
        let listed = told(who, &["modetest", "-M", "outlive"]);
        for wanted in ["Virtual-1", "Virtual-2", "1280x800", "EDID", "DPMS", "formats: XR24"] {
            assert!(listed.contains(wanted), "{who:?}: no {wanted} in {listed}");
        }
        let [connectors, crtcs] = ["Connectors:", "CRTCs:"].map(|heading| numbers(&listed, heading));
        assert_eq!((connectors.len(), crtcs.len()), (2, 2), "{who:?}: {listed}");
        assert_eq!(listed.matches("\tconnected\t").count(), 2, "{who:?}: {listed}");
    }
}

#[test]
fn other_programs_of_libdrm_find_it() {
    for who in everybody() {
        let printed = told(who, &["modeprint", "outlive"]);
        assert!(printed.contains("1280x800") && printed.contains("Connector: Virtual"), "{who:?}: {printed}");
        let properties = told(who, &["proptest", "-M", "outlive"]);
        assert!(properties.contains("DPMS") && properties.contains("GAMMA_LUT"), "{who:?}: {properties}");
        let info = told(who, &["drm_info", "-j", "/dev/dri/card0"]);
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        let card = &info["/dev/dri/card0"];
        assert_eq!(card["driver"]["name"], "outlive", "{who:?}: {info}");
        assert_eq!(card["connectors"].as_array().unwrap().len(), 2, "{who:?}: {info}");
    }
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("outlive-front-drm-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    // Everybody may write there, as in /tmp.
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(&folder, everybody).unwrap();
    folder
}

/// What is on a display: its size, and a look at each of four quarters.
fn screenshot(live: &Live, words: &[&str]) -> Result<Seen, String> {
    let file = folder().join(format!("{}-{}.png", live.name, words.join("-").replace('/', "-")));
    let (name, rest) = words.split_first().unwrap();
    let (code, said) = live.command(&[&["screenshot", name, file.to_str().unwrap()], rest].concat());
    if code != 0 {
        return Err(said);
    }
    let mut reader = png::Decoder::new(std::io::BufReader::new(fs::File::open(&file).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    fs::remove_file(file).unwrap();
    Ok(Seen { width: info.width, height: info.height, pixels, said })
}

struct Seen {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
    said: String,
}

impl Seen {
    fn at(&self, x: u32, y: u32) -> [u8; 3] {
        let start = 3 * (y * self.width + x) as usize;
        self.pixels[start..start + 3].try_into().unwrap()
    }

    /// The middles of the four quarters.
    fn quarters(&self) -> [[u8; 3]; 4] {
        let (x, y) = (self.width / 4, self.height / 4);
        [self.at(x, y), self.at(3 * x, y), self.at(x, 3 * y), self.at(3 * x, 3 * y)]
    }

    fn colours(&self) -> usize {
        self.pixels.chunks_exact(3).collect::<std::collections::BTreeSet<_>>().len()
    }
}

const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];

#[test]
fn a_screenshot_shows_what_a_program_draws() {
    for who in everybody() {
        let live = drawing(who, &[FAST], &["show"]);
        for words in
            [&["card0"][..], &["dri/card0"], &["/dev/dri/card0"], &["card0-Virtual-1"], &["card0", "--connector", "1"]]
        {
            let seen = screenshot(&live, words).unwrap();
            assert_eq!((seen.width, seen.height), (320, 240), "{words:?}");
            assert_eq!(seen.quarters(), [RED, GREEN, BLUE, WHITE], "{words:?}");
            assert!(seen.said.starts_with("card0-Virtual-1: 320x240, in "), "{}", seen.said);
        }
        let refused = |words: &[&str]| screenshot(&live, words).err().unwrap();
        assert!(refused(&["card0", "--connector", "Virtual-2"]).contains("no program has set a mode there"));
        let other = refused(&["card0", "--connector", "3"]);
        assert!(other.contains("has no connector `3`; it has card0-Virtual-1, card0-Virtual-2"), "{other}");
        let unknown = refused(&["card7"]);
        assert!(unknown.contains("card7") && unknown.contains("dri/card0"), "{unknown}");
        let (code, said) = live.command(&["screenshot", "card0", "/no/such/folder/x.png"]);
        assert!(code == 1 && said.contains("cannot write /no/such/folder/x.png"), "{said}");
        expect_good(live, "show");
    }
}

#[test]
fn a_screenshot_is_of_cards() {
    let live = Run::with(&["i2c:24c02@0x50,bus=7"]).start(["sleep", "60"]);
    live.until_ls_says("i2c-7");
    let said = screenshot(&live, &["i2c-7"]).err().unwrap();
    assert!(said.contains("i2c-7 is no card; `outlive ls` says which are"), "{said}");
}

/// modetest at its flips, with all that it says.
fn modetest(who: Who, words: &[&str]) -> Live {
    let both = ["stdbuf", "-oL", "-eL", "sh", "-c", "exec \"$@\" 2>&1", "sh", "modetest", "-M", "outlive"];
    Run::with(&[FAST]).by(who).start([&both[..], words].concat())
}

/// As its next line says it: no more than the display has, and some for the clock of a busy machine.
fn expect_frequency(live: &Live) {
    let said = live.line("freq: ");
    let hertz: f64 = said.trim_start_matches("freq: ").trim_end_matches("Hz").parse().unwrap();
    assert!(hertz > 1.0 && hertz < 1.03 * HERTZ, "{said}");
}

/// How modetest is to be called to flip by itself, and by atomic commits: that has no end.
fn ways_to_flip() -> [Vec<String>; 2] {
    let listed = Run::with(&[FAST]).by(Who::User).expect(0, ["modetest", "-M", "outlive"]);
    let first = |heading| numbers(&listed, heading).remove(0);
    let (connector, crtc, plane) = (first("Connectors:"), first("CRTCs:"), first("Planes:"));
    let (mode, plane) = (format!("{connector}@{crtc}:320x240"), format!("{plane}@{crtc}:320x240"));
    let words = |line: &[&str]| line.iter().map(|word| (*word).to_owned()).collect();
    [words(&["-s", &mode, "-v"]), words(&["-a", "-s", &mode, "-P", &plane, "-v"])]
}

/// Ends what [`ways_to_flip`] has begun.
fn end_flips(mut live: Live, what: &str) {
    if what.contains("-a ") {
        kill(live.process("modetest"), "TERM");
        assert_eq!(live.exit_code(), 128 + 15, "{what}: {:?}", live.rest());
    } else {
        live.say("\n");
        assert_eq!(live.exit_code(), 0, "{what}: {:?}", live.rest());
    }
}

/// modetest draws a pattern, and flips; by the legacy way and by atomic commits.
#[test]
fn modetest_sets_a_mode_and_flips() {
    for way in ways_to_flip() {
        let words: Vec<_> = way.iter().map(String::as_str).collect();
        for who in everybody() {
            let live = modetest(who, &words);
            expect_frequency(&live);
            // Each other picture that it shows is plain.
            let deadline = Instant::now() + PATIENCE;
            while screenshot(&live, &["card0"]).unwrap().colours() < 5 {
                assert!(Instant::now() < deadline, "{who:?} {words:?}: no pattern is seen");
            }
            end_flips(live, &words.join(" "));
        }
    }
}

/// vbltest counts vertical blankings, of a CRTC that shows something.
#[test]
fn vbltest_counts_vertical_blankings() {
    for who in everybody() {
        let program = client("drm", "static");
        // It ends when there is something to read.
        let script = "exec 3<&0; \"$0\" show | (read shown; exec stdbuf -eL vbltest -M outlive 2>&1 <&3)";
        let live = Run::with(&[FAST]).by(who).start(["sh", "-c", script, program.to_str().unwrap()]);
        expect_frequency(&live);
        kill(live.process("vbltest"), "KILL");
    }
}
