//! The names of control sockets.

use rustix::{io, net::SocketAddrUnix};
use std::collections::BTreeSet;

const PREFIX: &str = "outlive";

/// The address of a lab of user `uid`.
pub(super) fn address(uid: u32, lab: &str) -> io::Result<SocketAddrUnix> {
    SocketAddrUnix::new_abstract_name(format!("{PREFIX}/{uid}/{lab}").as_bytes())
}

/// The names of the labs of user `uid` that run in this network namespace, as `/proc/net/unix` has them (`proc_net(5)`).
/// Anybody can take such a name: connecting tells whose it is.
///
/// # Errors
/// If `/proc/net/unix` cannot be read.
pub fn running(uid: u32) -> std::io::Result<Vec<String>> {
    Ok(parse(&String::from_utf8_lossy(&std::fs::read("/proc/net/unix")?), uid))
}

/// Lines are `Num RefCount Protocol Flags Type St Inode Path`; an abstract name begins with `@`. A socket that listens
/// has `__SO_ACCEPTCON` (`linux/net.h`) in its flags; its connections have its name, too, but not that flag.
fn parse(table: &str, uid: u32) -> Vec<String> {
    const LISTENING: u64 = 1 << 16;
    let prefix = format!("@{PREFIX}/{uid}/");
    let lab = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let flags = u64::from_str_radix(fields.nth(3)?, 16).ok()?;
        let name = fields.nth(3)?.strip_prefix(&prefix)?;
        (flags & LISTENING != 0 && !name.contains('/')).then(|| name.to_owned())
    };
    table.lines().skip(1).filter_map(lab).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn labs_are_listening_sockets_of_the_user() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
                     0000000000000000: 00000002 00000000 00010000 0001 01 23505 @outlive/1000/two\n\
                     0000000000000000: 00000002 00000000 00010000 0001 01 23506 @outlive/1000/one\n\
                     0000000000000000: 00000003 00000000 00000000 0001 03 23507 @outlive/1000/closed\n\
                     0000000000000000: 00000003 00000000 00000000 0001 03 23508 @outlive/1000/one\n\
                     0000000000000000: 00000002 00000000 00010000 0001 01 23509 @outlive/1001/other\n\
                     0000000000000000: 00000002 00000000 00010000 0001 01 23510 /run/outlive/1000/file\n\
                     0000000000000000: 00000002 00000000 00010000 0001 01 23511\n\
                     nonsense\n";
        assert_eq!(super::parse(table, 1000), ["one", "two"]);
        assert_eq!(super::parse(table, 0), [""; 0]);
        assert_eq!(super::parse("", 1000), [""; 0]);
    }
}
