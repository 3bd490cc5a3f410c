//! Files that have a line for each of several devices, such as `/proc/mtd`.

use outlive_classes::{Plugged, surroundings::Show};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// Such files, by path.
#[derive(Default)]
pub(super) struct Lines(HashMap<String, Arc<Mutex<Vec<Line>>>>);

/// A device's line.
struct Line {
    minor: u32,
    device: Weak<dyn Plugged>,
    text: String,
}

impl Line {
    fn is_gone(&self) -> bool {
        self.device.upgrade().is_none_or(|device| device.gone().is_some())
    }
}

impl Lines {
    /// One more line, of `device`. The result is what the file says, if it is a new one: its header, and the lines of those
    /// that are there, in the order of their minor numbers.
    pub(super) fn add(
        &mut self,
        path: &str,
        header: &'static str,
        text: &str,
        device: &Arc<dyn Plugged>,
    ) -> Option<Show> {
        let line = Line { minor: device.node().minor, device: Arc::downgrade(device), text: text.to_owned() };
        if let Some(lines) = self.0.get(path) {
            let mut lines = lock(lines);
            lines.retain(|line| !line.is_gone());
            lines.push(line);
            lines.sort_by_key(|line| line.minor);
            return None;
        }
        let lines = Arc::new(Mutex::new(vec![line]));
        self.0.insert(path.to_owned(), lines.clone());
        Some(Arc::new(move || {
            let lines = lock(&lines);
            let shown = lines.iter().filter(|line| !line.is_gone()).map(|line| line.text.as_str());
            Ok([header].into_iter().chain(shown).collect::<String>().into_bytes())
        }))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::entries::{Entries, Kind};
    use super::*;
    use outlive::{Numbers, Policy, Reason};
    use outlive_classes::{Contract, mtd};
    use std::time::Duration;

    /// A flash that is shown and never used.
    #[derive(Debug)]
    struct Idle;

    impl mtd::Flash for Idle {
        fn geometry(&self) -> mtd::Geometry {
            mtd::Geometry::without_pages(mtd::Kind::Nor, 0x2_0000, 0x1000)
        }

        fn name(&self) -> String {
            "idle".to_owned()
        }

        fn begin(&self, _: mtd::Command, order: mtd::Order) {
            order.answer(Err(mtd::Fault::Unsupported.into()));
        }
    }

    /// `/proc/mtd`: one file with the lines of all that are there, in the order of their numbers.
    #[test]
    fn a_file_of_lines_has_one_of_each_device_that_is_there() {
        let (entries, numbers) = (Entries::default(), Numbers::new());
        let plug = |number| {
            let number = numbers.claim_again(number);
            let chip: Arc<dyn Plugged> =
                Arc::new(mtd::Chip::plug_under(Contract::Strict, number, Box::new(Idle), None));
            entries.add(&chip);
            chip
        };
        let shown = || {
            let entry = entries.find("/proc/mtd").unwrap();
            assert!(!entry.is_gone());
            let Kind::Attribute(show) = &entry.kind else { panic!("{entry:?}") };
            (entry.inode, String::from_utf8(show().unwrap()).unwrap())
        };
        let text = |numbers: &[u32]| -> String {
            let line = |number: &u32| format!("mtd{number}: 00020000 00001000 \"idle\"\n");
            ["dev:    size   erasesize  name\n".to_owned()].into_iter().chain(numbers.iter().map(line)).collect()
        };
        assert!(entries.find("/proc/mtd").is_none());
        let (ten, two) = (plug(10), plug(2));
        let (inode, both) = shown();
        assert_eq!(both, text(&[2, 10]));
        assert!(entries.adds_to("/proc") && entries.concern(b"/proc/mtd"));
        let unplug = |device: &Arc<dyn Plugged>| {
            device.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).unwrap();
        };
        unplug(&two);
        assert_eq!(shown().1, text(&[10]), "from the mark on");
        entries.remove(&two);
        let again = plug(2);
        assert_eq!(shown(), (inode, text(&[2, 10])), "in its next life it has one line");
        for device in [&ten, &again] {
            unplug(device);
            entries.remove(device);
        }
        assert_eq!(shown().1, text(&[]), "the file stays");
    }
}
