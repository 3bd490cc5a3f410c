//! The grammar of SPECs and lab files: what is understood, and the exact words for what is not.

use outlive_host::lab::{DeviceConfig, Lab, LabConfig, Policy, Source};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

fn specs(specs: &[&str]) -> Vec<Source> {
    specs.iter().map(|spec| Source::Spec((*spec).to_owned())).collect()
}

fn config(sources: &[Source]) -> LabConfig {
    LabConfig::new(sources, None, None).unwrap_or_else(|error| panic!("{error}"))
}

/// The error that a command line gets, from the grammar or from the drivers.
fn error(sources: &[Source], name: Option<&str>, contract: Option<&str>) -> String {
    match LabConfig::new(sources, name, contract) {
        Err(error) => error.to_string(),
        Ok(config) => Lab::start(&config).expect_err("the lab started").to_string(),
    }
}

type Bus<'a> = (Option<u32>, Vec<(&'a str, u16)>);

fn buses(config: &LabConfig) -> Vec<Bus<'_>> {
    let mut buses = Vec::new();
    for device in &config.devices {
        let DeviceConfig::I2c(bus) = device else { panic!("not a bus") };
        buses.push((bus.number, bus.chips.iter().map(|chip| (chip.model.as_str(), chip.address)).collect()));
    }
    buses
}

#[test]
fn specs_are_understood() {
    type Wanted = &'static [(Option<u32>, &'static [(&'static str, u16)])];
    let cases: [(&[&str], Wanted); 6] = [
        (&["i2c:24c02@0x50"], &[(None, &[("24c02", 0x50)])]),
        (&["i2c:24c02@80,num=7"], &[(Some(7), &[("24c02", 0x50)])]),
        (&["i2c:24c02@0x50,bus=0x7"], &[(Some(7), &[("24c02", 0x50)])]),
        // One number is one bus, whichever word names it; without a number each is a bus of its own.
        (&["i2c:24c02@0x50,bus=7", "i2c:lm75@0x48,num=7"], &[(Some(7), &[("24c02", 0x50), ("lm75", 0x48)])]),
        (&["i2c:24c02@0x50", "i2c:lm75@0x48"], &[(None, &[("24c02", 0x50)]), (None, &[("lm75", 0x48)])]),
        (&["i2c:lm75@0x48,slow=5ms,bus=1048575"], &[(Some(1_048_575), &[("lm75", 0x48)])]),
    ];
    for (line, wanted) in cases {
        let wanted: Vec<_> = wanted.iter().map(|(number, chips)| (*number, chips.to_vec())).collect();
        assert_eq!(buses(&config(&specs(line))), wanted, "{line:?}");
    }
}

#[test]
fn what_is_wrong_with_a_spec_is_said() {
    let cases = [
        ("", "--device : not a SPEC; write CLASS:MODEL[@ADDR][,KEY=VALUE]..., such as i2c:24c02@0x50,bus=7"),
        ("i2c", "--device i2c: not a SPEC; write CLASS:MODEL[@ADDR][,KEY=VALUE]..., such as i2c:24c02@0x50,bus=7"),
        (
            "i2s:24c02@0x50",
            "--device i2s:24c02@0x50: unknown class `i2s`; did you mean `i2c`? known here: i2c, uio, mtd, tpm, input, drm",
        ),
        (
            "mtb:nor",
            "--device mtb:nor: unknown class `mtb`; did you mean `mtd`? known here: i2c, uio, mtd, tpm, input, drm",
        ),
        ("uio:", "--device uio:: which model? write CLASS:MODEL, such as uio:timer"),
        ("uio:timr", "--device uio:timr: there is no board \"timr\"; known boards: timer"),
        ("uio:timer@0x50", "--device uio:timer@0x50: a board has no address; leave out `@0x50`"),
        ("uio:timer,bus=0", "--device uio:timer,bus=0: timer has no key \"bus\"; its keys: period, ram, size"),
        ("uio:timer,num=1048576", "--device uio:timer,num=1048576: there is no board 1048576; the highest is 1048575"),
        (
            "uio:timer,size=4000",
            "--device uio:timer,size=4000: key \"size\": a region is a whole number of pages, from 4KiB to 64MiB",
        ),
        (
            "uio:timer,period=10us",
            "--device uio:timer,period=10us: key \"period\": from 100us to 1h, or 0 for a board without an interrupt",
        ),
        ("i2c:", "--device i2c:: which model? write CLASS:MODEL, such as i2c:24c02@0x50"),
        ("i2c:@0x50", "--device i2c:@0x50: which model? write CLASS:MODEL, such as i2c:24c02@0x50"),
        ("i2c:24c02", "--device i2c:24c02: which address? write it after the model: i2c:24c02@0x50"),
        ("i2c:24c02@", "--device i2c:24c02@: the address \"\" is not a whole number; write it as 80 or 0x50"),
        ("i2c:24c02@5O", "--device i2c:24c02@5O: the address \"5O\" is not a whole number; write it as 80 or 0x50"),
        (
            "i2c:24c02@0x12345",
            "--device i2c:24c02@0x12345: no chip can be at address 0x12345; most EEPROMs are at 0x50",
        ),
        (
            "i2c:24c02@0x80",
            "--device i2c:24c02@0x80: 24c02 at 0x80: a chip's address is from 0x03 to 0x77; most EEPROMs are at 0x50",
        ),
        (
            "i2c:24c03@0x50",
            "--device i2c:24c03@0x50: there is no chip \"24c03\"; known chips: 24c01, 24c02, 24c04, 24c08, 24c16, \
             24c32, 24c64, 24c128, 24c256, 24c512, lm75, pcf8570, tmp102",
        ),
        (
            "i2c:lm75@0x48,twr=5ms",
            "--device i2c:lm75@0x48,twr=5ms: lm75 at 0x48 has no key \"twr\"; its keys: claimed, slow, temp",
        ),
        (
            "i2c:24c02@0x50,twr=5",
            "--device i2c:24c02@0x50,twr=5: 24c02 at 0x50, key \"twr\": \"5\" is not a duration; write a number and \
             ns, us, ms, s, min or h, such as 5ms",
        ),
        ("i2c:24c02@0x50,bus", "--device i2c:24c02@0x50,bus: `bus` has no value; write KEY=VALUE"),
        ("i2c:24c02@0x50,bus=", "--device i2c:24c02@0x50,bus=: `bus=` has no value; write KEY=VALUE"),
        ("i2c:24c02@0x50,=7", "--device i2c:24c02@0x50,=7: `=7` has no key; write KEY=VALUE"),
        (
            "i2c:24c02@0x50,",
            "--device i2c:24c02@0x50,: a comma with nothing after it; write ,KEY=VALUE or leave it out",
        ),
        ("i2c:24c02@0x50,bus=1,num=2", "--device i2c:24c02@0x50,bus=1,num=2: `num` is said twice; say it once"),
        (
            "i2c:24c02@0x50,bus=-1",
            "--device i2c:24c02@0x50,bus=-1: the number \"-1\" is not a whole number; write it as 80 or 0x50",
        ),
        (
            "i2c:24c02@0x50,bus=1048576",
            "--device i2c:24c02@0x50,bus=1048576: there is no bus 1048576; the highest is 1048575",
        ),
        (
            "i2c:24c02@0x50,functionality=0x100000000",
            "--device i2c:24c02@0x50,functionality=0x100000000: 0x100000000 has more than the 32 bits of I2C_FUNCS",
        ),
        (
            "i2c:24c02@0x50,policy=kil",
            "--device i2c:24c02@0x50,policy=kil: unknown policy `kil`; did you mean `kill`? known here: detach, drain, kill",
        ),
        (
            "i2c:24c02@0x50,addr=0x51",
            "--device i2c:24c02@0x50,addr=0x51: the address is written after the model, as in i2c:24c02@0x50; leave out \
             `addr`",
        ),
    ];
    for (spec, wanted) in cases {
        assert_eq!(error(&specs(&[spec]), None, None), wanted);
    }
}

#[test]
fn what_is_wrong_with_a_lab_as_a_whole_is_said() {
    let one = ["i2c:24c02@0x50,bus=7"];
    let two = ["i2c:24c02@0x50,bus=7", "i2c:lm75@0x50,bus=7"];
    type Word<'a> = Option<&'a str>;
    let cases: [(&[&str], Word<'_>, Word<'_>, &str); 5] = [
        (
            &[],
            None,
            None,
            "the lab: it has no device; add one with --device SPEC (such as i2c:24c02@0x50,bus=7) or --lab FILE",
        ),
        (
            &two,
            None,
            None,
            "--device i2c:lm75@0x50,bus=7: 24c02 at 0x50 and lm75 at 0x50 both answer to 0x50; give one of them another \
             address or another bus",
        ),
        (
            &one,
            Some("a/b"),
            None,
            "--name: `a/b` cannot name a lab; use 1 to 64 of A-Z a-z 0-9 . _ -, the first not a -",
        ),
        (&one, Some(""), None, "--name: `` cannot name a lab; use 1 to 64 of A-Z a-z 0-9 . _ -, the first not a -"),
        (
            &one,
            None,
            Some("strikt"),
            "--contract: unknown contract `strikt`; did you mean `strict`? known here: strict, quiet, linux",
        ),
    ];
    for (line, name, contract, wanted) in cases {
        assert_eq!(error(&specs(line), name, contract), wanted);
    }
}

/// Writes a lab file into a folder of its own.
fn lab_file(content: &[u8]) -> (tempfile::TempDir, Vec<Source>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.toml");
    std::fs::write(&file, content).unwrap();
    (folder, vec![Source::File(file)])
}

const EXAMPLE: &str = r#"
name = "bench"
contract = "strict"
[[device]]
class = "i2c"
num = 7
chips = [ { model = "24c02", addr = 0x50, file = "eeprom.bin" }, { model = "lm75", addr = "0x48", temp = 21.5 } ]
[[device]]
class = "i2c"
model = "tmp102"
addr = 0x48
slow = "1ms"
"#;

#[test]
fn a_bus_can_be_limited() {
    let one_chip = b"[[device]]\nclass = 'i2c'\nnum = 1\nmodel = 'pcf8570'\naddr = 0x50\nfunctionality = 0x7f0000\n";
    let many =
        b"[[device]]\nclass = 'i2c'\nnum = 2\nfunctionality = '0x10000'\nchips = [ { model = 'lm75', addr = 0x48 } ]\n";
    let ((_first, one_chip), (_second, many)) = (lab_file(one_chip), lab_file(many));
    // What any chip of a bus says holds for the bus.
    let spec = specs(&["i2c:lm75@0x48,bus=3", "i2c:lm75@0x49,bus=3,functionality=1", "i2c:lm75@0x4a,bus=4"]);
    let limits = config(&[one_chip, many, spec].concat()).devices.into_iter().map(|device| match device {
        DeviceConfig::I2c(bus) => bus.functionality,
        _ => None,
    });
    assert_eq!(limits.collect::<Vec<_>>(), [Some(0x7f_0000), Some(0x1_0000), Some(1), None]);
}

#[test]
fn boards_are_understood() {
    let text = b"[[device]]\nclass = 'uio'\nmodel = 'timer'\nnum = 3\npolicy = 'kill'\nperiod = '5ms'\n";
    let (_folder, sources) = lab_file(text);
    let config = config(&[sources, specs(&["uio:timer,ram=8KiB", "i2c:lm75@0x48,bus=3"])].concat());
    let boards: Vec<_> = config
        .devices
        .iter()
        .filter_map(|device| match device {
            DeviceConfig::Uio(board) => Some((board.number, board.policy, board.model.as_str(), board.keys.clone())),
            _ => None,
        })
        .collect();
    let key = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let wanted =
        [(Some(3), Some(Policy::Kill), "timer", key("period", "5ms")), (None, None, "timer", key("ram", "8KiB"))];
    assert_eq!(boards, wanted);
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<LabConfig>(&json).unwrap(), config, "as it is handed to another process");
    // Each class counts for itself, and a board is plugged in again under its name.
    let lab = Lab::start(&config).unwrap();
    assert_eq!(lab.names()[..2], ["i2c-3", "uio0"]);
    assert!(lab.names().contains(&"uio3".to_owned()));
    assert_eq!(lab.plug_spec("uio:timer,num=3").unwrap_err().to_string().split(';').next(), Some("uio3 is plugged in"));
    lab.unplug("uio3", outlive::Reason::Pulled, Policy::Detach, std::time::Duration::from_secs(1)).unwrap();
    assert_eq!(lab.plug_name("uio3").unwrap(), "uio3");
}

/// A `mode` is a display's, or in octal the node's.
#[test]
fn cards_are_understood() {
    let text = b"[[device]]\nclass = 'drm'\nmodel = 'virtual'\nnum = 3\nmode = '640x480@75'\ngroup = 'video'\n";
    let (_folder, sources) = lab_file(text);
    let spec = specs(&["drm:virtual,connectors=2,mode=1280x800,num=0", "drm:virtual,mode=0660"]);
    let config = config(&[sources, spec].concat());
    let devices = &config.devices[..];
    let [DeviceConfig::Drm(third), DeviceConfig::Drm(first), DeviceConfig::Drm(second)] = devices else {
        panic!("{config:?}")
    };
    assert_eq!((third.number, &*third.keys["mode"], third.permissions.mode), (Some(3), "640x480@75", None));
    assert_eq!(third.permissions.group.as_deref(), Some("video"));
    assert_eq!((first.number, &*first.keys["mode"], &*first.keys["connectors"]), (Some(0), "1280x800", "2"));
    assert_eq!((second.permissions.mode, second.keys.get("mode")), (Some(0o660), None));
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<LabConfig>(&json).unwrap(), config, "as it is handed to another process");
    let lab = Lab::start(&config).unwrap();
    assert_eq!(lab.names(), ["dri/card0", "dri/card1", "dri/card3"]);
    lab.unplug("/dev/dri/card3", outlive::Reason::Pulled, Policy::Detach, std::time::Duration::from_secs(1)).unwrap();
    assert_eq!(lab.plug_name("dri/card3").unwrap(), "dri/card3");
    let explored = config.contract_to_explore();
    assert_eq!((config.contract, explored.name()), (None, "strict"), "quiet would leave nothing to be found");
    let wrong = error(&specs(&["drm:virtual,mode=1280x"]), None, None);
    assert!(wrong.contains("such as 1280x800 or 1280x800@60"), "{wrong}");
    let address = error(&specs(&["drm:virtual@0x50"]), None, None);
    assert!(address.contains("a card has no address; leave out `@0x50`"), "{address}");
}

#[test]
fn input_devices_are_understood() {
    let text = b"[[device]]\nclass = 'input'\nmodel = 'touchscreen'\nnum = 3\nsize = '10x20'\nscript = 'touches'\n";
    let (folder, sources) = lab_file(text);
    std::fs::write(folder.path().join("touches"), "touch 0 9 19").unwrap();
    let config = config(&[sources, specs(&["input:mouse,num=256"])].concat());
    let [DeviceConfig::Input(screen), DeviceConfig::Input(mouse)] = &config.devices[..] else { panic!("{config:?}") };
    assert_eq!(screen.keys["script"], folder.path().join("touches").to_str().unwrap(), "relative to the lab file");
    assert_eq!((screen.number, mouse.number), (Some(3), Some(256)));
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<LabConfig>(&json).unwrap(), config, "as it is handed to another process");
    let lab = Lab::start(&config).unwrap();
    assert_eq!(lab.names(), ["input/event3", "input/event256"]);
    lab.unplug("/dev/input/event3", outlive::Reason::Pulled, Policy::Detach, std::time::Duration::from_secs(1))
        .unwrap();
    assert_eq!(lab.plug_name("input/event3").unwrap(), "input/event3");
    std::fs::write(folder.path().join("touches"), "touch 0 10 19").unwrap();
    let error = Lab::start(&config).err().unwrap().to_string();
    assert!(error.contains("lab.toml:6:10: ") && error.contains("line 1: 10 is not on the screen"), "{error}");
}

#[test]
fn tpms_are_understood() {
    let text = b"[[device]]\nclass = 'tpm'\nmodel = 'swtpm'\nnum = 3\npolicy = 'kill'\nstate = 'state'\n";
    let (folder, sources) = lab_file(text);
    let config = config(&[sources, specs(&["tpm:swtpm,state=/tmp/x,deadline=1s"])].concat());
    let [DeviceConfig::Tpm(first), DeviceConfig::Tpm(second)] = &config.devices[..] else { panic!("{config:?}") };
    assert_eq!(first.keys["state"], folder.path().join("state").to_str().unwrap(), "relative to the lab file");
    assert_eq!((first.number, first.policy), (Some(3), Some(Policy::Kill)));
    let keys = [("deadline", "1s"), ("state", "/tmp/x")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!((second.number, &second.keys), (None, &BTreeMap::from(keys)));
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<LabConfig>(&json).unwrap(), config, "as it is handed to another process");
    let explored = config.contract_to_explore();
    assert!(explored.name() == "linux" && !config.conceals(explored));
    for (spec, wanted) in [
        ("tpm:", "which model? write CLASS:MODEL, such as tpm:swtpm,state=DIR"),
        ("tpm:swtpm@0x20,state=/x", "a tpm has no address; leave out `@0x20`"),
        ("tpm:slb9670,state=/x", "there is no tpm \"slb9670\"; known tpms: swtpm"),
        ("tpm:swtpm,file=/x", "swtpm has no key \"file\"; its keys: deadline, state"),
        ("tpm:swtpm", "where is its state? add state=DIR"),
        ("tpm:swtpm,state=/x,num=65536", "there is no tpm 65536; the highest is 65535"),
        ("tpm:swtpm,state=/x,deadline=1ms", "key \"deadline\": from 10ms to 5min"),
    ] {
        let told = error(&specs(&[spec]), None, None);
        assert!(told.contains(wanted), "{spec}: {told}");
    }
}

#[test]
fn flashes_are_understood() {
    let text = b"[[device]]\nclass = 'mtd'\nmodel = 'nor'\nnum = 3\nfile = 'nor.bin'\nerase = '64KiB'\n\
        partitions = [ { name = 'boot', size = '256KiB', ro = true }, { name = 'rest', offset = '1MiB' } ]\n\
        [[device]]\nclass = 'gpu'\nname = 'gpu0'\npolicy = 'kill'\n\
        flash = [ { model = 'nand', num = 7, parts = '128KiB(vbios)' } ]\n";
    let (folder, sources) = lab_file(text);
    let config = config(&[sources, specs(&["mtd:ram,size=1MiB,parts=128KiB@0x20000(a)ro+-"])].concat());
    let [DeviceConfig::Mtd(nor), DeviceConfig::Gpu(card), DeviceConfig::Mtd(ram)] = &config.devices[..] else {
        panic!("{config:?}")
    };
    assert_eq!(nor.keys["file"], folder.path().join("nor.bin").to_str().unwrap(), "relative to the lab file");
    let parts = |flash: &outlive_host::lab::ModelEntry| -> Vec<_> {
        flash.partitions.iter().map(|it| (it.name.clone(), it.offset, it.size, it.read_only)).collect()
    };
    let wanted = [("boot".to_owned(), None, Some(256 << 10), true), ("rest".to_owned(), Some(1 << 20), None, false)];
    assert_eq!(parts(nor), wanted);
    let wanted =
        [("a".to_owned(), Some(0x2_0000), Some(128 << 10), true), ("Partition_001".to_owned(), None, None, false)];
    assert_eq!(parts(ram), wanted);
    assert_eq!((card.name.as_str(), card.policy, card.flash[0].number), ("gpu0", Some(Policy::Kill), Some(7)));
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<LabConfig>(&json).unwrap(), config, "as it is handed to another process");
    // What has a number of its own choice comes first, whatever takes the lowest.
    let lab = Lab::start(&config).unwrap();
    let tree: Vec<_> = lab.list().into_iter().map(|line| (line.name, line.parent)).collect();
    let line = |name: &str, parent: Option<&str>| (name.to_owned(), parent.map(str::to_owned));
    let wanted = [
        line("gpu0", None),
        line("mtd7", Some("gpu0")),
        line("mtd2", Some("mtd7")),
        line("mtd3", None),
        line("mtd0", Some("mtd3")),
        line("mtd1", Some("mtd3")),
        line("mtd4", None),
        line("mtd5", Some("mtd4")),
        line("mtd6", Some("mtd4")),
    ];
    assert_eq!(tree, wanted);
    assert_eq!(lab.policy_of("mtd2"), Policy::Kill, "of what hangs on a card, the card's");
}

#[test]
fn what_is_wrong_with_a_flash_is_said() {
    for (spec, wanted) in [
        ("mtd:nor,parts=9MiB(boot)", "partition `boot`: 0x900000 bytes at 0x0: it ends beyond the flash"),
        ("mtd:nor,parts=100(boot)", "it does not begin and end at erase blocks, which have 0x10000 bytes"),
        ("mtd:nor,parts=64KiB(boot", "partition `64KiB(boot`: a name ends with `)`"),
        ("mtd:nor,part=64KiB(boot)", "did you mean `parts`?"),
        ("mtd:nor,size=100KiB", "whole number of erase blocks"),
        ("mtd:nur", "flash chip \"nur\""),
        ("mtd:nor@0x50", "a flash has no address; leave out `@0x50`"),
        ("mtd:nor,num=524288", "there is no flash 524288; the highest is 524287"),
        ("gpu:nor", "a gpu is described in a lab file"),
    ] {
        let told = error(&specs(&[spec]), None, None);
        assert!(told.contains(wanted), "{spec}: {told}");
    }
    for (text, wanted) in [
        ("class = 'mtd'\n", "which model? add model = \"nor\""),
        ("class = 'mtd'\nmodel = 'nor'\npartitions = 5\n", "4:14: `partitions` is a list"),
        ("class = 'mtd'\nmodel = 'nor'\npartitions = [ { size = 5 } ]\n", "which name? add name = \"boot\""),
        ("class = 'mtd'\nmodel = 'nor'\npartitions = [ { name = 'a', of = 5 } ]\n", "unknown key `of`"),
        ("class = 'mtd'\nmodel = 'nor'\npartitions = [ { name = 'a', size = 'x' } ]\n", "the size \"x\" is not a size"),
        ("class = 'mtd'\nmodel = 'nor'\nparts = '-(a)'\npartitions = []\n", "the same as `parts`"),
        ("class = 'mtd'\nmodel = 'nor'\npartitions = [ { name = 'a', size = '9MiB' } ]\n", ":4:16: partition `a`"),
        ("class = 'gpu'\n", "which name? add name = \"gpu0\""),
        ("class = 'gpu'\nname = 'gpu0'\n", "what is on it? add flash = [ { model = \"nor\" } ]"),
        ("class = 'gpu'\nname = 'a b'\nflash = []\n", "cannot name"),
        ("class = 'gpu'\nname = 'gpu0'\nflash = [ { } ]\n", "which model? add model = \"nor\""),
    ] {
        let (_folder, sources) = lab_file(format!("[[device]]\n{text}").as_bytes());
        let told = error(&sources, None, None);
        assert!(told.contains(wanted), "{text}: {told}");
    }
}

#[test]
fn a_lab_file_is_understood() {
    let (folder, sources) = lab_file(EXAMPLE.as_bytes());
    let config = config(&sources);
    assert_eq!(config.name.as_deref(), Some("bench"));
    let wanted = vec![(Some(7), vec![("24c02", 0x50), ("lm75", 0x48)]), (None, vec![("tmp102", 0x48)])];
    assert_eq!(buses(&config), wanted);
    let DeviceConfig::I2c(bus) = &config.devices[0] else { panic!("not a bus") };
    let file = folder.path().join("eeprom.bin").to_str().unwrap().to_owned();
    assert_eq!(bus.chips[0].keys, BTreeMap::from([("file".to_owned(), file)]), "relative to the lab file");
    assert_eq!(bus.chips[1].keys, BTreeMap::from([("temp".to_owned(), "21.5".to_owned())]));

    // A SPEC with the number of a bus in the file is a chip on that bus; what a command line says of the lab wins.
    let more = [sources, specs(&["i2c:24c01@0x51,bus=7"])].concat();
    let config = LabConfig::new(&more, Some("other"), None).unwrap();
    assert_eq!(buses(&config)[0].1, [("24c02", 0x50), ("lm75", 0x48), ("24c01", 0x51)]);
    assert_eq!(config.name.as_deref(), Some("other"));
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<LabConfig>(&json).unwrap(), config, "as it is handed to another process");
}

#[test]
fn what_is_wrong_with_a_lab_file_is_said_with_line_and_column() {
    let cases: [(&str, &str); 30] = [
        ("[[device]]\nclass = 'uio'\n", "1:1: which model? add model = \"timer\""),
        ("[[device]]\nclass = 'uio'\nmodel = 'clock'\n", "3:9: there is no board \"clock\"; known boards: timer"),
        (
            "[[device]]\nclass = 'uio'\nmodel = 'timer'\nram = '1GiB'\n",
            "4:7: key \"ram\": a region is a whole number of pages, from 4KiB to 64MiB",
        ),
        (
            "[[device]]\nclass = 'uio'\nmodel = 'timer'\naddr = 1\n",
            "4:8: timer has no key \"addr\"; its keys: period, ram, size",
        ),
        ("device = 1\n", "1:10: `device` is a list; begin each device with a line [[device]]"),
        ("device = [1]\n", "1:11: a device is a table of keys and values"),
        (
            "\ndevise = []\n",
            "2:1: unknown key `devise`; did you mean `device`? known here: name, contract, policy, device",
        ),
        ("policy = 'drein'\n", "1:10: unknown policy `drein`; did you mean `drain`? known here: detach, drain, kill"),
        ("policy = 7\n", "1:10: `policy` is a text; write it in quotes"),
        ("[[device]]\nclass = 'uio'\nmodel = 'timer'\nmode = 0o660\n", "4:8: `mode` is a text; write it in quotes"),
        (
            "[[device]]\nclass = 'uio'\nmodel = 'timer'\nmode = '668'\n",
            "4:8: `668` is no mode of a node; write it in octal, from 0000 to 0777, such as 0660",
        ),
        (
            "[[device]]\nclass = 'uio'\nmodel = 'timer'\ngroup = ''\n",
            "4:9: `` cannot be the name of a group; write one of `getent group`, such as i2c",
        ),
        ("contract = 'loud'\n", "1:12: unknown contract `loud`; known here: strict, quiet, linux"),
        ("contract = 7\n", "1:12: `contract` is a text; write it in quotes"),
        ("name = 'é!'\n", "1:8: `é!` cannot name a lab; use 1 to 64 of A-Z a-z 0-9 . _ -, the first not a -"),
        ("[[device]]\nnum = 7\n", "1:1: which class? add class = \"i2c\""),
        (
            "[[device]]\nclass = 'i2d'\n",
            "2:9: unknown class `i2d`; did you mean `i2c`? known here: i2c, uio, mtd, tpm, input, drm, gpu",
        ),
        ("[[device]]\nclass = 'i2c'\n", "1:1: which model? add model = \"24c02\""),
        ("[[device]]\nclass = 'i2c'\nmodel = '24c02'\n", "1:1: which address? add addr = 0x50"),
        (
            "[[device]]\nclass = 'i2c'\nnum = 'x'\n",
            "3:7: the number \"x\" is not a whole number; write it as 80 or 0x50",
        ),
        ("[[device]]\nclass = 'i2c'\nnum = 7\nbus = 7\n", "4:7: `bus` is another word for `num`; leave one out"),
        (
            "[[device]]\nclass = 'i2c'\nchips = []\nmodel = '24c02'\n",
            "4:9: a bus has `chips`, or is one chip with a `model`; not both",
        ),
        (
            "[[device]]\nclass = 'i2c'\nchips = []\nchip = 1\n",
            "4:1: unknown key `chip`; did you mean `chips`? known here: class, num, bus, policy, functionality, mode, group, chips",
        ),
        ("[[device]]\nclass = 'i2c'\nchips = 7\n", "3:9: `chips` is a list: [ { … }, { … } ]"),
        (
            "[[device]]\nclass = 'i2c'\nchips = [ { model = '24c02', addr = true } ]\n",
            "3:37: the address \"true\" is not a whole number; write it as 80 or 0x50",
        ),
        (
            "[[device]]\nclass = 'i2c'\nmodel = '24c02'\naddr = 0x50\ntwr = [1]\n",
            "5:7: `twr` is one value: a number or a text in quotes",
        ),
        // What the drivers find wrong has its place, too.
        (
            "[[device]]\nclass = 'i2c'\nmodel = '24c99'\naddr = 0x50\n",
            "3:9: there is no chip \"24c99\"; known chips: 24c01, 24c02, 24c04, 24c08, 24c16, 24c32, 24c64, 24c128, \
             24c256, 24c512, lm75, pcf8570, tmp102",
        ),
        (
            "[[device]]\nclass = 'i2c'\nmodel = 'lm75'\naddr = 0x48\n\ntepm = 3\n",
            "6:8: lm75 at 0x48 has no key \"tepm\"; its keys: claimed, slow, temp",
        ),
        (
            "[[device]]\nclass = 'i2c'\nchips = [ { model = 'lm75', addr = 0x48 },\n  { model = 'tmp102', addr = 0x48 } ]\n",
            "4:30: lm75 at 0x48 and tmp102 at 0x48 both answer to 0x48; give one of them another address or another bus",
        ),
        (
            "[[device]]\nclass = 'i2c'\nmodel = 'lm75'\naddr = 0x4\n\n[[device]]\nclass = 'i2c'\nmodel = 'lm75'\naddr = 2\n",
            "9:8: lm75 at 0x02: a chip's address is from 0x03 to 0x77; most EEPROMs are at 0x50",
        ),
    ];
    for (text, wanted) in cases {
        let (folder, sources) = lab_file(text.as_bytes());
        let wanted = format!("{}:{wanted}", folder.path().join("lab.toml").display());
        assert_eq!(error(&sources, None, None), wanted, "{text}");
    }
}

#[test]
fn a_lab_file_that_is_no_toml_is_refused_at_its_line() {
    let cases: [(&[u8], &str); 4] = [
        (b"contract = \"strict\"\n[[device]\n", "2:"),
        (b"contract = strict\n", "1:"),
        (b"a = 1\na = 2\n", "2:"),
        (b"# \xff\n", "1:3: not UTF-8; save the file as UTF-8"),
    ];
    for (text, wanted) in cases {
        let (folder, sources) = lab_file(text);
        let error = error(&sources, None, None);
        let wanted = format!("{}:{wanted}", folder.path().join("lab.toml").display());
        assert!(error.starts_with(&wanted), "{error}, not {wanted}");
        assert!(!error.contains('\n'), "{error}");
        assert!(error.contains("not TOML: ") || error.contains("not UTF-8"), "{error}");
    }
}

#[test]
fn a_lab_file_that_cannot_be_read_is_refused() {
    let cases = [
        ("/nowhere/lab.toml", "--lab /nowhere/lab.toml: cannot be read: No such file or directory (os error 2)"),
        ("/", "--lab /: cannot be read: Is a directory (os error 21)"),
        ("/dev/zero", "--lab /dev/zero: larger than 1 MiB; that is no lab file"),
    ];
    for (path, wanted) in cases {
        assert_eq!(error(&[Source::File(PathBuf::from(path))], None, None), wanted);
    }
}

#[test]
fn two_lab_files_may_not_contradict_each_other() {
    let (one, first) = lab_file(b"name = 'one'\n");
    let (two, second) = lab_file(b"contract = 'strict'\nname = 'two'\n");
    let place = |folder: &Path, rest: &str| format!("{}:{rest}", folder.join("lab.toml").display());
    let wanted = format!(
        "{}: another name than at {}; a lab has one, and --name would say which",
        place(two.path(), "2:8"),
        place(one.path(), "1:8")
    );
    assert_eq!(error(&[first, second].concat(), None, None), wanted);
}

/// Who may open a node is said of a device, in a SPEC and in a file alike; chips of one bus are one device.
#[test]
fn permissions_are_the_devices() {
    let text = b"[[device]]\nclass = 'i2c'\nnum = 1\nmode = '0660'\ngroup = 'i2c'\nchips = [{ model = '24c02', addr = 0x50 }]\n";
    let (_folder, file) = lab_file(text);
    let more = ["i2c:lm75@0x48,bus=1,group=dialout", "i2c:24c02@0x50,bus=2,mode=444", "uio:timer,mode=0640,group=5"];
    let config = config(&[file, specs(&more)].concat());
    let seen: Vec<_> =
        config.devices.iter().map(|it| (it.permissions().mode, it.permissions().group.as_deref())).collect();
    assert_eq!(seen, [(Some(0o660), Some("dialout")), (Some(0o444), None), (Some(0o640), Some("5"))]);
    let again: LabConfig = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
    assert_eq!(again, config);
}

/// A policy stands for the lab, for a device, in a file and in a SPEC; the nearest holds. It goes to another process as it
/// is.
#[test]
fn a_policy_is_the_labs_or_the_devices() {
    let text = b"policy = 'kill'\n[[device]]\nclass = 'i2c'\nnum = 1\nmodel = '24c02'\naddr = 0x50\npolicy = 'drain'\n";
    let (_folder, file) = lab_file(text);
    let sources = [file, specs(&["i2c:24c02@0x50,bus=2", "i2c:24c02@0x50,bus=3,policy=detach"])].concat();
    let config = LabConfig::new(&sources, None, None).unwrap();
    let again: LabConfig = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
    assert_eq!(again, config);
    let lab = Lab::start(&again).unwrap();
    let policies = ["i2c-1", "i2c-2", "i2c-3", "/dev/i2c-1"].map(|name| lab.policy_of(name));
    assert_eq!(policies, [Policy::Drain, Policy::Kill, Policy::Detach, Policy::Drain]);
}

/// A driver in another process: what is understood, whichever way it is said.
#[test]
fn servers_are_understood() {
    use outlive_host::lab::{Reach, ServerSettings};
    use std::time::Duration;
    let of = |config: LabConfig| -> Vec<ServerSettings> {
        config.devices.iter().map(|device| device.server().expect("it has one").settings.clone()).collect()
    };
    let command = Reach::Command(["prog", "a b", "c"].map(str::to_owned).into());
    let plain = ServerSettings {
        reach: Reach::Socket("/run/s".into()),
        deadline: Duration::from_secs(1),
        misses: 3,
        restart: None,
        writes: None,
        shared: false,
    };
    let full = ServerSettings {
        reach: command.clone(),
        deadline: Duration::from_millis(50),
        misses: 7,
        restart: Some(Duration::from_millis(20)),
        writes: Some("/var/lib/it".into()),
        shared: false,
    };
    let keys = "deadline=50ms,misses=7,restart=new-generation,back-off=20ms,writes=/var/lib/it";
    let spec = format!("mtd:server,num=3,command=prog 'a b' c,{keys}");
    let said = of(config(&specs(&["i2c:server,num=7,socket=/run/s", &spec, "tpm:server,socket=/run/s"])));
    assert_eq!(said, [plain.clone(), full.clone(), plain]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.toml");
    let text = "[[device]]\nclass = \"i2c\"\nmodel = \"server\"\ncommand = [\"prog\", \"a b\", \"c\"]\nmisses = 7\n\
                deadline = \"50ms\"\nrestart = \"new-generation\"\nback-off = \"20ms\"\nwrites = \"/var/lib/it\"\n\
                [[device]]\nclass = \"mtd\"\nmodel = \"server\"\nsocket = \"s\"\n\
                [[device]]\nclass = \"tpm\"\nmodel = \"server\"\ncommand = \"prog 'a b' c\"\n";
    std::fs::write(&file, text).unwrap();
    let said = of(config(&[Source::File(file)]));
    assert_eq!(said[0], full);
    let beside = folder.path().canonicalize().unwrap().join("s");
    let Reach::Socket(path) = &said[1].reach else { panic!("{said:?}") };
    assert_eq!(path.parent().unwrap().canonicalize().unwrap().join("s"), beside);
    assert_eq!(said[2].reach, command);
}

#[test]
fn what_is_wrong_with_a_server_is_said() {
    for (keys, why) in [
        ("num=7", "which server? write socket=PATH for one that listens there, or command=WORDS for one to start"),
        ("socket=/s,command=x", "a server is reached by `socket` or by `command`; leave one out"),
        ("command='x", "the command `'x`: a ' is not closed"),
        ("command=x,deadline=0s", "the deadline is 0; write a duration, such as 1s"),
        ("command=x,deadline=5", "the deadline"),
        ("command=x,misses=0", "0 misses: from 1 to 1000000 there can be"),
        ("command=x,misses=many", "the misses"),
        ("command=x,restart=always", "unknown restart `always`; there is new-generation"),
        ("command=x,back-off=1s", "`back-off` is for `restart=new-generation`; write that, too"),
        ("socket=/s,writes=/x", "`writes` limits a server that is started; this one listens"),
        ("command=x,dedline=1s", "unknown key `dedline`; did you mean `deadline`?"),
    ] {
        for class in ["i2c", "mtd", "tpm"] {
            let spec = format!("{class}:server,{keys}");
            let told = error(&specs(&[&spec]), None, None);
            assert!(told.starts_with(&format!("--device {spec}: ")) && told.contains(why), "{told}");
        }
    }
    assert!(error(&specs(&["i2c:server@0x50,socket=/s"]), None, None).contains("has no address"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.toml");
    for (line, place, why) in [
        ("misses = 0", ":5:10", "0 misses"),
        ("command = []", ":5:11", "names no program"),
        ("restart = \"x\"", ":5:11", "unknown restart"),
    ] {
        let reach = if line.starts_with("command") { "" } else { "socket = \"s\"" };
        let text = format!("[[device]]\nclass = \"mtd\"\nmodel = \"server\"\n{reach}\n{line}\n");
        std::fs::write(&file, text).unwrap();
        let told = error(&[Source::File(file.clone())], None, None);
        assert!(told.contains(place) && told.contains(why), "{told}");
    }
}
