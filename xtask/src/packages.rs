//! The Debian packages that the tests need.

use crate::workspace;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::process::{Command, Stdio};

/// A package, why it is needed, and how to see that it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    /// A program of it, for systems that are not Debian.
    program: Option<&'static str>,
}

const fn package(name: &'static str, reason: &'static str, program: Option<&'static str>) -> Package {
    Package { name, reason, program }
}

/// What the tests need.
pub(crate) const FOR_TESTS: [Package; 34] = [
    package("gcc", "compiles the client programs of tests/clients", Some("gcc")),
    package("libc6-dev", "headers and the static C library for them", None),
    package("libclang-dev", "reads the headers of littlefs, the file system that the tests mount on flash", None),
    package("i2c-tools", "i2cdetect, i2cget, i2cset, i2cdump, i2ctransfer: clients", Some("i2cdetect")),
    package("mtd-utils", "mtdinfo, flashcp, flash_erase, nandwrite, nanddump, nandtest: clients", Some("flashcp")),
    package("python3-smbus2", "a Python client", None),
    package("swtpm", "the TPM behind /dev/tpmN, in a process of its own", Some("swtpm")),
    package(
        "tpm2-tools",
        "tpm2_createprimary, tpm2_sign, tpm2_nvwrite and their like: clients",
        Some("tpm2_getrandom"),
    ),
    package("libtss2-tcti-device0", "by which tpm2-tools use a device node", None),
    package("evtest", "prints what an input device does: a client", Some("evtest")),
    package("evemu-tools", "evemu-describe, evemu-record, evemu-play: clients", Some("evemu-describe")),
    package("libinput-tools", "libinput debug-events and list-devices: clients, as desktops are", Some("libinput")),
    package("triggerhappy", "thd, a daemon that reads input devices", Some("thd")),
    package("python3-evdev", "a Python client of input devices", None),
    package("libevdev-dev", "a client in C that makes input devices", None),
    package("libevdev-tools", "libevdev-tweak-device: a client", Some("libevdev-tweak-device")),
    package("libdrm-tests", "modetest, modeprint, proptest, vbltest: clients of cards", Some("modetest")),
    package("drm-info", "says what a card can do: a client", Some("drm_info")),
    package("golang-go", "compiles the client in Go, which makes system calls of its own", Some("go")),
    package("udev", "udevadm, a client that hears of devices", Some("udevadm")),
    package("python3-pyudev", "a Python client that hears of devices", None),
    package("libudev-dev", "a client in C that hears of devices", None),
    package("fuse3", "fusermount3, one of the ways to mount for an ordinary user", Some("fusermount3")),
    package("libfuse3-dev", "the peer that the bench of the serve front measures against", None),
    package("strace", "checks which system calls a client made, and that tracing a client works", Some("strace")),
    package("groff-base", "checks the manual pages", Some("groff")),
    package("user-mode-linux", "a guest: a kernel with i2c-stub, as an ordinary program", Some("linux.uml")),
    package("qemu-system-x86", "a guest with hardware that can go", Some("qemu-system-x86_64")),
    package("linux-image-amd64", "the kernel of that guest, with its modules", None),
    package("busybox-static", "the first shell of that guest", Some("busybox")),
    package("kmod", "loads modules in guests", Some("modprobe")),
    package("pkg-config", "finds the headers of umockdev and libfuse", Some("pkg-config")),
    package("libumockdev-dev", "the peer that the bench measures against", None),
    package("umockdev", "umockdev-wrapper, the same peer", Some("umockdev-wrapper")),
];

/// What `nightly` needs besides.
pub(crate) const FOR_COMPOSITOR: [Package; 3] = [
    package("cage", "a compositor: a client of cards", Some("cage")),
    package("foot", "a terminal that is shown by it", Some("foot")),
    package("xwayland", "without which cage does not start", Some("Xwayland")),
];

/// What has to be there to compile the tests.
pub(crate) fn for_compiling() -> Vec<Package> {
    named(&["gcc", "libc6-dev", "libclang-dev"])
}

/// What the bench of the run front needs.
pub(crate) fn for_run_front_bench() -> Vec<Package> {
    named(&["gcc", "libc6-dev", "pkg-config", "libumockdev-dev", "umockdev"])
}

/// What the bench of the serve front needs.
pub(crate) fn for_serve_bench() -> Vec<Package> {
    let guests = ["user-mode-linux", "qemu-system-x86", "linux-image-amd64", "busybox-static", "kmod", "libfuse3-dev"];
    [for_run_front_bench(), named(&guests)].concat()
}

/// What the bench of mtd needs.
pub(crate) fn for_mtd_bench() -> Vec<Package> {
    named(&["gcc", "libc6-dev", "qemu-system-x86", "linux-image-amd64", "busybox-static", "kmod"])
}

/// What the bench of input devices needs.
pub(crate) fn for_input_bench() -> Vec<Package> {
    for_mtd_bench()
}

/// What the bench of cards needs.
pub(crate) fn for_drm_bench() -> Vec<Package> {
    named(&["gcc", "libc6-dev"])
}

/// What the bench of the explorer needs.
pub(crate) fn for_explore_bench() -> Vec<Package> {
    named(&["i2c-tools"])
}

fn named(names: &[&str]) -> Vec<Package> {
    FOR_TESTS.into_iter().filter(|package| names.contains(&package.name)).collect()
}

impl Package {
    /// Whether it is installed: as dpkg says, or by its program where there is no dpkg. A package without a program
    /// counts as there on such a system; what needs it says so itself.
    fn is_installed(&self) -> bool {
        if workspace::find_program("dpkg-query").is_none() {
            return self.program.is_none_or(|program| workspace::find_program(program).is_some());
        }
        let query = Command::new("dpkg-query").args(["-W", "-f=${db:Status-Status}", self.name]).output();
        query.is_ok_and(|answer| answer.stdout == b"installed")
    }
}

/// Those that are not installed.
pub(crate) fn missing(packages: &[Package]) -> Vec<Package> {
    packages.iter().copied().filter(|package| !package.is_installed()).collect()
}

/// What to do about missing packages, as a command to type.
fn advice(missing: &[Package]) -> String {
    let names: Vec<_> = missing.iter().map(|package| package.name).collect();
    format!("sudo apt-get update && sudo apt-get install --no-install-recommends {}", names.join(" "))
}

/// Fails with the command to type if a package is missing.
pub(crate) fn require(packages: &[Package]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        println!("missing: {} ({})", package.name, package.reason);
    }
    bail!("packages are missing. Install them with\n    {}", advice(&missing))
}

/// Installs what is missing, and says which and why before it does: as root, or with a sudo that asks for no password.
pub(crate) fn install(packages: &[Package]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        println!("all {} Debian packages that the tests need are installed", packages.len());
        return Ok(());
    }
    println!("the tests need these Debian packages, which are not installed:");
    for package in &missing {
        println!("  {:16} {}", package.name, package.reason);
    }
    apt_get_install(&missing).map_err(|error| {
        anyhow!("cannot install them: {error:#}. Do it yourself, then run this again:\n    {}", advice(&missing))
    })?;
    require(packages)
}

fn apt_get_install(missing: &[Package]) -> Result<()> {
    ensure!(workspace::find_program("apt-get").is_some(), "this system has no apt-get");
    let elevated = elevation()?;
    apt_get(&elevated, &["update"])?;
    let names = missing.iter().map(|package| package.name);
    let arguments: Vec<_> = ["install", "--yes", "--no-install-recommends"].into_iter().chain(names).collect();
    apt_get(&elevated, &arguments)
}

/// What goes before a command that needs root: nothing as root, `sudo -n` where that works.
///
/// # Errors
/// If this is neither root nor somebody whom sudo lets do it without a password.
pub(crate) fn elevation() -> Result<Vec<&'static str>> {
    let id = Command::new("id").arg("--user").output().context("cannot run id")?;
    if id.stdout.trim_ascii() == b"0" {
        return Ok(Vec::new());
    }
    let sudo = Command::new("sudo").args(["-n", "true"]).stderr(Stdio::null()).status();
    ensure!(sudo.is_ok_and(|status| status.success()), "this is not root, and sudo without a password does not work");
    Ok(vec!["sudo", "-n"])
}

fn apt_get(elevated: &[&str], arguments: &[&str]) -> Result<()> {
    let line: Vec<_> =
        elevated.iter().chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]).chain(arguments).collect();
    println!("$ {}", line.iter().map(|word| **word).collect::<Vec<_>>().join(" "));
    let status = Command::new(line[0]).args(&line[1..]).stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot run {}", line[0]))?;
    ensure!(status.success(), "apt-get {} failed: {status}", arguments[0]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_missing_and_says_how_to_get_it() {
        let nothing = package("no-such-package-of-debian", "for this test", Some("no-such-program-anywhere"));
        let shell = package("dash", "for this test", Some("dash"));
        assert_eq!(missing(&[shell, nothing]), [nothing]);
        let error = require(&[shell, nothing]).unwrap_err().to_string();
        assert!(error.ends_with("install --no-install-recommends no-such-package-of-debian"), "{error}");
        assert!(require(&[shell]).is_ok());
    }

    #[test]
    fn what_is_needed_for_parts_is_among_them() {
        assert_eq!((for_compiling().len(), for_run_front_bench().len(), for_serve_bench().len()), (3, 5, 11));
        assert_eq!((for_mtd_bench().len(), for_explore_bench().len()), (6, 1));
    }
}
