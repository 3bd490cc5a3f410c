//! Debian's stock kernel in qemu: without KVM, whose presence says little in a machine that is virtual itself.

use super::{
    boot::{Machine, Scratch},
    initramfs::Archive,
    modules::Modules,
};
use crate::workspace;
use anyhow::{Context, Result};
use std::{
    cmp::Reverse,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// What the kernel needs before it sees the machine's files, which come by 9P; and for the channel.
const FOR_THE_ROOT: [&str; 4] = ["virtio_pci", "9pnet_virtio", "9p", "virtio_console"];

/// What kernels for clouds are built without.
const HARDWARE: [&str; 2] = ["i2c-i801", "radeonfb"];

/// The first program of the initramfs, before the guest's own.
const FIRST: &str = "\
mount -t devtmpfs dev /dev
for module in $(cat /order); do insmod /modules/$module || echo \"$module did not load\"; done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro root /root || exec sh
mount --move /dev /root/dev
exec switch_root /root";

/// How it is started. The console is the serial line, in a file; the channel is a virtio port on standard output.
pub(super) fn machine(scratch: &Scratch) -> Result<Machine> {
    let program = workspace::find_program("qemu-system-x86_64").context(
        "there is no qemu-system-x86_64: install Debian's package qemu-system-x86, or let `cargo xtask test` do it",
    )?;
    let (kernel, modules) = kernel()?;
    fs::write(scratch.path("initramfs"), initramfs(&modules, scratch)?)?;
    let share = |tag: &str, folder: &Path, readonly: &str| {
        let folder = folder.display().to_string().replace(',', ",,");
        let local = format!("local,id={tag},path={folder},security_model=none,multidevs=remap{readonly}");
        ["-fsdev".to_owned(), local, "-device".to_owned(), format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}")]
    };
    let plain = [
        "-machine",
        "q35,accel=tcg",
        "-cpu",
        "max",
        "-m",
        "768",
        "-smp",
        "1",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
        "-device",
        "virtio-serial-pci",
        "-chardev",
        "file,id=channel,path=/dev/stdout",
        "-device",
        "virtserialport,chardev=channel,name=channel",
        "-append",
        "console=ttyS0 quiet panic=-1 rdinit=/init",
    ];
    let mut arguments: Vec<String> = plain.map(str::to_owned).into();
    let console = format!("file:{}", scratch.path("console").display());
    arguments.extend(["-serial".to_owned(), console, "-kernel".to_owned(), kernel.display().to_string()]);
    arguments.extend(["-initrd".to_owned(), scratch.path("initramfs").display().to_string()]);
    arguments.extend(share("root", Path::new("/"), ",readonly=on"));
    arguments.extend(share("results", &scratch.path("results"), ""));
    Ok(Machine {
        program,
        arguments,
        modules_in: "/lib/modules",
        channel: "/dev/vport0p1",
        mount_results: "mount -t 9p -o trans=virtio,version=9p2000.L results /run/results".to_owned(),
        boot_limit: Duration::from_secs(120),
    })
}

/// The newest kernel of Debian's that has what the root needs, and the hardware that guests are for.
fn kernel() -> Result<(PathBuf, Vec<PathBuf>)> {
    let files =
        fs::read_dir("/boot").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut versions: Vec<String> = files.filter_map(|name| Some(name.strip_prefix("vmlinuz-")?.to_owned())).collect();
    versions.sort_by_key(|version| Reverse(numbers(version)));
    let mut why_not = None;
    for version in versions {
        match Modules::of(&version).and_then(|modules| modules.in_order(&HARDWARE).and(modules.in_order(&FOR_THE_ROOT)))
        {
            Ok(modules) => return Ok((Path::new("/boot").join(format!("vmlinuz-{version}")), modules)),
            Err(error) => why_not = Some(error),
        }
    }
    let advice = "install Debian's package linux-image-amd64, or let `cargo xtask test` do it";
    match why_not {
        Some(error) => Err(error.context(format!("no kernel of /boot can be a guest: {advice}"))),
        None => anyhow::bail!("there is no kernel in /boot: {advice}"),
    }
}

/// The numbers of a version, by which versions are in order.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// A shell, the modules for the root, and what mounts it and goes there.
fn initramfs(modules: &[PathBuf], scratch: &Scratch) -> Result<Vec<u8>> {
    let busybox = fs::read("/bin/busybox").context(
        "cannot read /bin/busybox: install Debian's package busybox-static, or let `cargo xtask test` do it",
    )?;
    let mut archive = Archive::default();
    ["bin", "dev", "modules", "root"].into_iter().for_each(|folder| archive.directory(folder));
    archive.file("bin/busybox", &busybox);
    let mut order = String::new();
    for path in modules {
        let name = path.file_name().context("a module without a name")?.to_string_lossy();
        archive.file(&format!("modules/{name}"), &fs::read(path)?);
        order.push_str(&format!("{name}\n"));
    }
    archive.file("order", order.as_bytes());
    let init = super::script::quoted(&scratch.path("init").display().to_string());
    archive.file(
        "init",
        format!("#!/bin/busybox sh\nexport PATH=/bin\n/bin/busybox --install -s /bin\n{FIRST} {init}\n").as_bytes(),
    );
    Ok(archive.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(numbers("6.1.0-56-amd64") > numbers("6.1.0-9-amd64"));
        assert!(numbers("6.12.1") > numbers("6.1.0-56-amd64"));
    }
}
