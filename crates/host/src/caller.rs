//! Who a client is, from /proc.

use outlive_classes::{Caller, Process};
use std::fs::{read_link, read_to_string};

/// `CAP_SYS_ADMIN` of `linux/capability.h`.
const CAP_SYS_ADMIN: u32 = 21;

/// Thread `thread`, which waits for an answer of ours; `None` if it cannot be looked at, or is outside of our pid namespace
/// (number 0). Takes some tens of microseconds.
pub(crate) fn caller(thread: u32) -> Option<Caller> {
    let status = read_to_string(format!("/proc/{thread}/status")).ok()?;
    let number = value(&status, "Tgid:")?.parse().ok()?;
    let began = began(&read_to_string(format!("/proc/{number}/stat")).ok()?)?;
    // From the outermost namespace that we see to its own.
    let own = value(&status, "NSpid:").and_then(|numbers| numbers.split_ascii_whitespace().last()?.parse().ok());
    let capabilities = value(&status, "CapEff:").and_then(|bits| u64::from_str_radix(bits, 16).ok());
    let is_admin = capabilities.unwrap_or(0) >> CAP_SYS_ADMIN & 1 == 1 && is_of_our_users(thread);
    Some(Caller { thread: own.unwrap_or(thread), process: Process { number, began }, is_admin })
}

fn value<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// `starttime`, field 22 of proc_pid_stat(5). The name before it, in parentheses, may have any character.
fn began(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

/// Whether it is of our user namespace: whoever makes one has all capabilities in it, and none over us.
fn is_of_our_users(thread: u32) -> bool {
    let namespace = |who: &str| read_link(format!("/proc/{who}/ns/user")).ok();
    let ours = namespace("self");
    ours.is_some() && namespace(&thread.to_string()) == ours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_known_by_its_process() {
        let us = caller(std::process::id()).expect("we can look at ourselves");
        assert_eq!((us.thread, us.process.number), (std::process::id(), std::process::id()));
        assert!(us.process.began > 0);
        let thread = rustix::thread::gettid().as_raw_pid().cast_unsigned();
        let other = caller(thread).unwrap();
        assert_eq!((other.thread, other.process, other.is_admin), (thread, us.process, us.is_admin));
        assert_eq!((caller(0), caller(u32::MAX)), (None, None));
    }

    #[test]
    fn the_beginning_is_found_behind_any_name() {
        let fields = (4..22).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(began(&format!("7 (a) b (c) S {fields} 12345 23 24\n")), Some(12345));
        assert_eq!((began("7 (a) S 1 2"), began("")), (None, None));
    }

    /// A process in a user namespace of its own.
    #[test]
    fn who_is_all_powerful_in_a_namespace_of_its_own_is_nobody_here() {
        let mut child = std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "sh", "-c", "echo; exec cat"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("unshare of util-linux");
        let mut line = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).expect("user namespaces");
        let status = read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let found = caller(child.id());
        drop(child.stdin.take());
        child.wait().unwrap();
        let bits = u64::from_str_radix(value(&status, "CapEff:").unwrap(), 16).unwrap();
        assert_eq!((bits >> CAP_SYS_ADMIN & 1, found.map(|it| it.is_admin)), (1, Some(false)));
    }
}
