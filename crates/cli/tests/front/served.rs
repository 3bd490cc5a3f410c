//! Our own drivers in another process, and one in Python: real programs do not see a difference, and a device comes back as
//! it was left.

use crate::stage::{Run, not_on_plain, outlive, source};

/// What a script prints in a lab with a device whose driver is `spec`, in a process of its own. By a lab file, since there
/// are commas in `spec`.
fn served(class: &str, keys: &str, spec: &str, script: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.toml");
    let me = outlive();
    let text = format!(
        "[[device]]\nclass = \"{class}\"\nmodel = \"server\"\n{keys}\ncommand = ['{}', 'driver', '{spec}']\n",
        me.display()
    );
    std::fs::write(&file, text).unwrap();
    shell(Run::with(&[]).lab(&file), script)
}

fn shell(run: Run, script: &str) -> String {
    run.expect(0, ["sh", "-ec", script])
}

#[test]
fn a_bus_in_another_process_is_one_to_the_tools() {
    let script = "i2cset -y 7 0x50 3 0xab; i2cget -y 7 0x50 3; i2cdetect -y 7 | grep -c 50; i2ctransfer -y 7 w1@0x50 3 r2; \
                  i2cget -y 7 0x51 0 2>/dev/null || echo nobody; i2cdetect -l; i2cdump -y 7 0x50 b | cksum; \
                  i2cdump -y 7 0x50 i | cksum";
    let here = shell(Run::with(&["i2c:24c02@0x50,bus=7"]), script);
    assert!(here.starts_with("0xab\n1\n0xab 0xff\nnobody\n"), "{here}");
    assert_eq!(served("i2c", "num = 7", "i2c:24c02@0x50", script), here);
}

#[test]
fn a_flash_in_another_process_is_one_to_the_tools() {
    if not_on_plain("mtd-utils read /sys") {
        return;
    }
    let script = "head -c 3000000 /dev/urandom > $D/image; flashcp $D/image /dev/mtd0; cmp -n 3000000 $D/image /dev/mtd0; \
                  mtdinfo /dev/mtd0 | tail -n +2; cat /proc/mtd; flash_erase -q /dev/mtd0 0 1; od -A n -t x1 -N 4 /dev/mtd0; \
                  flash_lock /dev/mtd0 0 1; flash_erase -q /dev/mtd0 0 1 2>&1 | tail -1";
    let folder = tempfile::tempdir().unwrap();
    let script = script.replace("$D", &folder.path().display().to_string());
    let spec = "mtd:nor,size=4MiB,erase=64KiB,name=it";
    let here = shell(Run::with(&[&format!("{spec},num=0")]), &script);
    assert!(here.contains(" ff ff ff ff\n"), "{here}");
    assert_eq!(served("mtd", "num = 0", spec, &script), here);
}

/// Pulled and plugged again it is what it was; removed in good order its server ends, and another begins.
#[test]
fn a_served_device_comes_back() {
    let me = outlive();
    let script = format!(
        "i2cset -y 7 0x50 3 0xab; '{0}' unplug -q i2c-7; '{0}' plug -q i2c-7; i2cget -y 7 0x50 3; \
         '{0}' unplug -q --orderly i2c-7; '{0}' plug -q i2c-7; i2cget -y 7 0x50 3",
        me.display()
    );
    let said = served("i2c", "num = 7", "i2c:24c02@0x50", &script);
    assert_eq!(said, "0xab\n0xff\n", "the second server has nothing of the first");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("eeprom.bin");
    let writes = format!("num = 7\nwrites = '{}'", folder.path().display());
    let said = served("i2c", &writes, &format!("i2c:24c02@0x50,file={}", file.display()), &script);
    assert_eq!(said, "0xab\n0xab\n", "but for its file");
}

/// The same server process, whose hosts come and go.
#[test]
fn a_server_that_listens_serves_one_lab_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let mut server = std::process::Command::new(outlive());
    let mut server = server.args(["-q", "driver", "i2c:24c02@0x50", "--socket"]).arg(&socket).spawn().unwrap();
    let device = format!("i2c:server,num=7,socket={}", socket.display());
    shell(Run::with(&[&device]), "i2cset -y 7 0x50 3 0xab");
    let said = shell(Run::with(&[&device]), "i2cget -y 7 0x50 3");
    rustix::process::kill_process(rustix::process::Pid::from_child(&server), rustix::process::Signal::TERM).unwrap();
    assert!(server.wait().unwrap().success() && !socket.exists());
    assert_eq!(said, "0xab\n");
}

#[test]
fn a_server_in_python_is_a_bus_to_the_tools() {
    let program = source("../../examples/driver_servers/eeprom.py");
    let device = format!("i2c:server,num=7,command=python3 '{}'", program.display());
    let script = format!(
        "i2cset -y 7 0x50 3 0xab; i2cget -y 7 0x50 3; i2cdetect -y 7 | grep -c 50; i2ctransfer -y 7 w1@0x50 3 r2; \
         i2cget -y 7 0x51 0 2>/dev/null || echo nobody; '{0}' unplug -q i2c-7; '{0}' plug -q i2c-7; i2cdump -y 7 0x50 b | head -2",
        outlive().display()
    );
    let said = shell(Run::with(&[&device]), &script);
    let first = "00: ff ff ff ab ff ff ff ff ff ff ff ff ff ff ff ff    ...?............";
    let dump = format!("     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f    0123456789abcdef\n{first}\n");
    assert_eq!(said, format!("0xab\n1\n0xab 0xff\nnobody\n{dump}"));
}

#[test]
fn a_tpm_in_another_process_is_one_to_the_tools() {
    if not_on_plain("tpm2-tools write to a descriptor that may wait") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let writes = format!("num = 0\nwrites = '{}'", folder.path().display());
    let script = "export TPM2TOOLS_TCTI=device:/dev/tpm0; tpm2_startup -c; tpm2_getrandom --hex 8 | wc -c; \
                  tpm2_nvdefine -Q -C o -s 4 1; printf abcd | tpm2_nvwrite -Q -C o -i - 1; tpm2_nvread -C o -s 4 1";
    assert_eq!(
        served("tpm", &writes, &format!("tpm:swtpm,state={}", folder.path().join("state").display()), script),
        "16\nabcd"
    );
}
