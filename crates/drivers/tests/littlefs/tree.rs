//! What is in a file system: names, and for files what they hold.

use crate::disk::Disk;
use littlefs2::{
    fs::{File, Filesystem},
    io::{Read, Result},
    path,
    path::{Path, PathBuf},
};
use std::collections::BTreeMap;

/// By path, such as `/a/x`; `None` is a directory.
pub(crate) type Tree = BTreeMap<String, Option<Vec<u8>>>;

pub(crate) fn path_of(path: &str) -> PathBuf {
    PathBuf::try_from(path).expect("the paths here are short")
}

/// All that is there.
pub(crate) fn read_all<D: Disk>(fs: &Filesystem<'_, D>) -> Result<Tree> {
    let mut tree = Tree::new();
    read_below(fs, path!("/"), "", &mut tree)?;
    Ok(tree)
}

fn read_below<D: Disk>(fs: &Filesystem<'_, D>, at: &Path, name: &str, tree: &mut Tree) -> Result<()> {
    let entries = fs.read_dir_and_then(at, |entries| entries.collect::<Result<Vec<_>>>())?;
    for entry in entries {
        let own = entry.file_name().as_str();
        if [".", ".."].contains(&own) {
            continue;
        }
        let path = format!("{name}/{own}");
        if entry.file_type().is_dir() {
            tree.insert(path.clone(), None);
            read_below(fs, &path_of(&path), &path, tree)?;
        } else {
            tree.insert(path.clone(), Some(read_file(fs, &path)?));
        }
    }
    Ok(())
}

pub(crate) fn read_file<D: Disk>(fs: &Filesystem<'_, D>, path: &str) -> Result<Vec<u8>> {
    File::open_and_then(fs, &path_of(path), |file| {
        let mut content = vec![0; file.len()?];
        file.read_exact(&mut content)?;
        Ok(content)
    })
}

/// How two of them differ, in words.
pub(crate) fn difference(is: &Tree, should: &Tree) -> String {
    let names = is.keys().chain(should.keys());
    let Some(name) = names.into_iter().find(|name| is.get(*name) != should.get(*name)) else {
        return "no difference".to_owned();
    };
    let describe = |entry: Option<&Option<Vec<u8>>>| match entry {
        None => "nothing".to_owned(),
        Some(None) => "a directory".to_owned(),
        Some(Some(content)) => format!("{} bytes {:x?}…", content.len(), &content[..content.len().min(8)]),
    };
    format!("{name} is {} and not {}", describe(is.get(name)), describe(should.get(name)))
}
