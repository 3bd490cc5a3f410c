//! The modules of a kernel of Debian's, with what they need, in the order in which they load.

use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Which modules each module needs: the file modules.dep.
pub(super) struct Modules {
    folder: PathBuf,
    lines: Vec<(String, Vec<String>)>,
}

impl Modules {
    /// Those of the kernel of this version, if it has any.
    pub(super) fn of(version: &str) -> Result<Modules> {
        let folder = Path::new("/lib/modules").join(version);
        let text = fs::read_to_string(folder.join("modules.dep"))
            .with_context(|| format!("cannot read {}/modules.dep: run depmod {version}", folder.display()))?;
        Ok(Modules { folder, lines: parse(&text) })
    }

    /// The files to load for the modules `names`, each once, none before what it needs.
    ///
    /// # Errors
    /// If there is no such module, or it is compressed.
    pub(super) fn in_order(&self, names: &[&str]) -> Result<Vec<PathBuf>> {
        let mut order: Vec<PathBuf> = Vec::new();
        for name in names {
            let line = self.lines.iter().find(|(path, _)| module_name(path) == *name);
            let (path, needed) = line.with_context(|| format!("{} has no module {name}", self.folder.display()))?;
            // The file lists what is needed last first.
            for path in needed.iter().rev().chain([path]) {
                ensure!(path.ends_with(".ko"), "{path} is compressed, which the guest's first shell cannot load");
                let path = self.folder.join(path);
                if !order.contains(&path) {
                    order.push(path);
                }
            }
        }
        Ok(order)
    }
}

fn parse(text: &str) -> Vec<(String, Vec<String>)> {
    let split = |line: &str| {
        let (path, needed) = line.split_once(':')?;
        Some((path.to_owned(), needed.split_whitespace().map(str::to_owned).collect()))
    };
    text.lines().filter_map(split).collect()
}

fn module_name(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split_once(".ko").map_or(file, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_once() {
        let text = "fs/a.ko: net/b.ko net/c.ko\nnet/b.ko: net/c.ko\nnet/c.ko:\nz/d.ko.xz:\n";
        let modules = Modules { folder: PathBuf::from("/m"), lines: parse(text) };
        let order = modules.in_order(&["b", "a"]).unwrap();
        assert_eq!(order, ["/m/net/c.ko", "/m/net/b.ko", "/m/fs/a.ko"].map(PathBuf::from));
        assert!(modules.in_order(&["e"]).unwrap_err().to_string().contains("no module e"));
        assert!(modules.in_order(&["d"]).unwrap_err().to_string().contains("compressed"));
    }
}
