//! What a device shows around its node: directories, attributes and links, as Linux has them in /sys and /proc.
//!
//! A class describes it, once for each life of a device, by absolute paths; where they are shown, and how, is a front's
//! business. What is described goes with the device, at the mark; only what is *lasting* (a class's own directory)
//! stays, as it does on Linux while the class's module is loaded.

use crate::{
    Errno, Kobject,
    kobject::{ROOT, Subsystem},
};
use std::{fmt, sync::Arc};

/// What an attribute says when it is read.
///
/// It is asked at each read from the beginning, on a thread of the front, and must not block. What it needs from a driver
/// it gets inside the gate, as any other operation does; it is not asked once the device is gone, and what it says while
/// the device goes is thrown away (I8, I15).
pub type Show = Arc<dyn Fn() -> Result<Vec<u8>, Errno> + Send + Sync>;

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where: absolute, without links, `.` and `..`. The directories above are there by themselves.
    pub path: String,
    /// What.
    pub content: Content,
    /// Whether it stays when the device goes.
    pub lasting: bool,
}

/// What is in one place.
#[derive(Clone)]
pub enum Content {
    /// A directory, which may be empty.
    Directory,
    /// A file that can be read, and nothing else (mode 0444).
    Attribute(Show),
    /// A line of such a file, which has one for each of several devices, in the order of their minor numbers: `/proc/mtd`.
    /// The file stays when they go.
    Line {
        /// What comes before the lines; the same of each device.
        header: &'static str,
        /// The line, with its end.
        line: String,
    },
    /// A symbolic link to this absolute path. It is shown relative, as sysfs does.
    Link(String),
}

/// All that one device shows.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    entries: Vec<Entry>,
}

impl Surroundings {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What Linux shows of any device that is `kobjects` in the device model (`device_add` of `drivers/base/core.c`,
    /// `bus_add_device` of `drivers/base/bus.c`): directories, numbers, and the links between device, bus or class, driver
    /// and number; and the platform device that all hang on, which stays.
    pub fn of(kobjects: &[Kobject]) -> Self {
        let root = format!("/sys{ROOT}");
        let (_, name) = ROOT.rsplit_once('/').unwrap_or_default();
        let lasting = |shown: Surroundings, path, text: &'static str| {
            shown.with(path, Content::Attribute(Arc::new(|| Ok(text.as_bytes().to_vec()))), true)
        };
        let shown = Surroundings::new()
            .with(format!("/sys/bus/platform/devices/{name}"), Content::Link(root.clone()), true)
            .with(format!("{root}/subsystem"), Content::Link("/sys/bus/platform".to_owned()), true);
        let shown = lasting(shown, format!("{root}/modalias"), "platform:outlive\n");
        let shown = lasting(shown, format!("{root}/uevent"), "MODALIAS=platform:outlive\n");
        kobjects.iter().fold(shown, Surroundings::with_kobject)
    }

    fn with_kobject(self, it: &Kobject) -> Self {
        let (directory, subsystem, name) = (it.directory(), it.subsystem.directory(), it.sysname());
        let mut shown =
            self.link(format!("{directory}/subsystem"), &subsystem).text(it.attribute("uevent"), it.uevent());
        shown = match it.subsystem {
            Subsystem::Bus(_) => shown
                .lasting(format!("{subsystem}/devices"))
                .lasting(format!("{subsystem}/drivers"))
                .link(format!("{subsystem}/devices/{name}"), &directory),
            Subsystem::Class(_) => shown.lasting(&*subsystem).link(format!("{subsystem}/{name}"), &directory),
        };
        if let Some(parent) = it.parent() {
            shown = shown.link(format!("{directory}/device"), parent);
        }
        if let Some(driver) = &it.driver {
            let driver = format!("{subsystem}/drivers/{driver}");
            shown = shown
                .lasting(&*driver)
                .link(format!("{driver}/{name}"), &directory)
                .link(format!("{directory}/driver"), &driver);
        }
        // By these libudev finds what has a tag (`enumerator_scan_devices_tag` of sd-device).
        for tag in it.all_tags() {
            let tagged = format!("/run/udev/tags/{tag}");
            shown = shown.lasting(&*tagged).text(format!("{tagged}/{}", it.udev_id()), "");
        }
        if let Some(node) = &it.node {
            let number = format!("{}:{}", node.major, node.minor);
            shown = shown
                .link(format!("/sys/dev/char/{number}"), &directory)
                .text(it.attribute("dev"), format!("{number}\n"));
        }
        shown
    }

    /// A directory that goes with the device.
    #[must_use]
    pub fn directory(self, path: impl Into<String>) -> Self {
        self.with(path.into(), Content::Directory, false)
    }

    /// A directory of the class's own, which stays.
    #[must_use]
    pub fn lasting(self, path: impl Into<String>) -> Self {
        self.with(path.into(), Content::Directory, true)
    }

    /// An attribute that says what `show` says at that moment.
    #[must_use]
    pub fn attribute(
        self,
        path: impl Into<String>,
        show: impl Fn() -> Result<Vec<u8>, Errno> + Send + Sync + 'static,
    ) -> Self {
        self.with(path.into(), Content::Attribute(Arc::new(show)), false)
    }

    /// An attribute that says the same as long as the device is there.
    #[must_use]
    pub fn text(self, path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        self.attribute(path, move || Ok(text.clone().into_bytes()))
    }

    /// A symbolic link to the absolute path `target`.
    #[must_use]
    pub fn link(self, path: impl Into<String>, target: impl Into<String>) -> Self {
        self.with(path.into(), Content::Link(target.into()), false)
    }

    /// A line of a file that other devices have lines in as well, after `header`.
    #[must_use]
    pub fn line(self, path: impl Into<String>, header: &'static str, line: impl Into<String>) -> Self {
        self.with(path.into(), Content::Line { header, line: line.into() }, false)
    }

    fn with(mut self, path: String, content: Content, lasting: bool) -> Self {
        debug_assert!(is_plain(&path), "{path}");
        self.entries.push(Entry { path, content, lasting });
        self
    }

    /// The entries, in the order in which they were described.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// Whether a path is as [`Entry::path`] asks.
fn is_plain(path: &str) -> bool {
    let parts = path.strip_prefix('/').map(|rest| rest.split('/'));
    parts.is_some_and(|mut parts| parts.all(|part| !matches!(part, "" | "." | "..")))
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Directory => f.write_str("Directory"),
            Content::Attribute(_) => f.write_str("Attribute"),
            Content::Line { line, .. } => f.debug_tuple("Line").field(line).finish(),
            Content::Link(target) => f.debug_tuple("Link").field(target).finish(),
        }
    }
}
