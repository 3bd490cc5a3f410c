//! What is done with files, and what may be left of it if the flash goes in the middle.

use crate::{
    chance::Chance,
    disk::Disk,
    tree::{Tree, path_of, read_file},
};
use littlefs2::{
    fs::{File, Filesystem, OpenOptions},
    io::{Result, SeekFrom, Write},
};

/// Files are no longer than some of these.
const MOST: usize = 2500;
const LONGEST: usize = 6000;
const DIRECTORIES: [&str; 4] = ["", "/a", "/b", "/c"];
const NAMES: [&str; 5] = ["v", "w", "x", "y", "z"];

/// What is written at once.
fn bytes(chance: &mut Chance) -> Vec<u8> {
    (0..chance.below(MOST as u64 + 1)).map(|_| chance.number() as u8).collect()
}

/// One operation, which is possible on the tree that it was chosen for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    /// Creates a file or empties it, and writes each piece, with a sync after it.
    Write {
        path: String,
        pieces: Vec<Vec<u8>>,
    },
    /// Writes each piece at the end, with a sync after it.
    Append {
        path: String,
        pieces: Vec<Vec<u8>>,
    },
    /// Writes over what is there, and closes.
    Overwrite {
        path: String,
        at: usize,
        data: Vec<u8>,
    },
    /// Cuts it off, or fills it up with zeroes.
    Truncate {
        path: String,
        length: usize,
    },
    /// A file, also onto another; or a directory.
    Rename {
        from: String,
        to: String,
    },
    /// A file, or an empty directory.
    Remove {
        path: String,
    },
    MakeDirectory {
        path: String,
    },
    /// Reads it back.
    Read {
        path: String,
    },
}

impl Operation {
    pub(crate) fn choose(chance: &mut Chance, tree: &Tree) -> Self {
        loop {
            if let Some(operation) = Operation::propose(chance, tree) {
                return operation;
            }
        }
    }

    fn propose(chance: &mut Chance, tree: &Tree) -> Option<Self> {
        let kind = chance.below(20);
        let mut pick = |from: &[&'static str]| from[chance.below(from.len() as u64) as usize];
        let directory = pick(&DIRECTORIES);
        if !directory.is_empty() && !tree.contains_key(directory) {
            return Some(Operation::MakeDirectory { path: directory.to_owned() });
        }
        let path = format!("{directory}/{}", pick(&NAMES));
        let (other, name) = (pick(&DIRECTORIES), pick(&NAMES));
        let exists = |path: &str| path.is_empty() || tree.contains_key(path);
        let there = tree.get(&path).and_then(Option::as_ref);
        let mut pieces = || (0..=chance.below(3)).map(|_| bytes(chance)).collect::<Vec<_>>();
        Some(match (kind, there) {
            (0..=4, _) | (5..=13, None) => Operation::Write { path, pieces: pieces() },
            (5..=8, Some(content)) => match pieces() {
                pieces if content.len() + pieces.concat().len() <= LONGEST => Operation::Append { path, pieces },
                _ => Operation::Truncate { path, length: chance.below(MOST as u64) as usize },
            },
            (9..=11, Some(content)) => {
                let at = chance.below(content.len() as u64 + 1) as usize;
                Operation::Overwrite { path, at, data: bytes(chance) }
            }
            (12..=13, Some(_)) => Operation::Truncate { path, length: chance.below(MOST as u64) as usize },
            (14..=15, Some(_)) if exists(other) => Operation::Rename { from: path, to: format!("{other}/{name}") },
            (16, Some(_)) => Operation::Remove { path },
            (17, Some(_)) => Operation::Read { path },
            (18, _) if !directory.is_empty() && !exists(other) => {
                Operation::Rename { from: directory.to_owned(), to: other.to_owned() }
            }
            (19, _) if !directory.is_empty() => {
                // What is in it first.
                let inside = tree.keys().find(|path| path.starts_with(&format!("{directory}/")));
                Operation::Remove { path: inside.cloned().unwrap_or(directory.to_owned()) }
            }
            _ => return None,
        })
    }

    /// What `tree` becomes: what it is after each step of it that cannot be halved, the last one after all of it.
    pub(crate) fn steps(&self, tree: &Tree) -> Vec<Tree> {
        let with = |path: &str, content: Vec<u8>| {
            let mut tree = tree.clone();
            tree.insert(path.to_owned(), Some(content));
            tree
        };
        let of = |path: &str| tree.get(path).cloned().flatten().unwrap_or_default();
        let growing = |path: &str, mut content: Vec<u8>, pieces: &[Vec<u8>]| -> Vec<Tree> {
            let mut grow = |piece: &Vec<u8>| {
                content.extend_from_slice(piece);
                with(path, content.clone())
            };
            pieces.iter().map(&mut grow).collect()
        };
        match self {
            Operation::Write { path, pieces } => {
                // A file that is new is there, empty, as soon as it is open.
                let created = (!tree.contains_key(path)).then(|| with(path, Vec::new()));
                created.into_iter().chain(growing(path, Vec::new(), pieces)).collect()
            }
            Operation::Append { path, pieces } => growing(path, of(path), pieces),
            Operation::Overwrite { path, at, data } => {
                let mut content = of(path);
                content.resize(content.len().max(at + data.len()), 0);
                content[*at..at + data.len()].copy_from_slice(data);
                vec![with(path, content)]
            }
            Operation::Truncate { path, length } => {
                let mut content = of(path);
                content.resize(*length, 0);
                vec![with(path, content)]
            }
            Operation::Rename { from, to } => {
                let moved = |path: &String| match path.strip_prefix(from.as_str()) {
                    Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{to}{rest}"),
                    _ => path.clone(),
                };
                let rest = tree.iter().filter(|(path, _)| *path != to || from == to);
                vec![rest.map(|(path, content)| (moved(path), content.clone())).collect()]
            }
            Operation::Remove { path } => {
                let mut tree = tree.clone();
                tree.remove(path);
                vec![tree]
            }
            Operation::MakeDirectory { path } => {
                let mut tree = tree.clone();
                tree.insert(path.clone(), None);
                vec![tree]
            }
            Operation::Read { .. } => vec![tree.clone()],
        }
    }

    /// Does it. `Ok(false)`: it read something else than `tree` has.
    pub(crate) fn carry_out<D: Disk>(&self, fs: &Filesystem<'_, D>, tree: &Tree) -> Result<bool> {
        let each = |file: &File<'_, '_, D>, pieces: &[Vec<u8>]| {
            pieces.iter().try_for_each(|piece| {
                file.write_all(piece)?;
                file.sync()
            })
        };
        let mut options = OpenOptions::new();
        options.write(true);
        match self {
            Operation::Write { path, pieces } => {
                File::create_and_then(fs, &path_of(path), |file| each(file, pieces))?;
            }
            Operation::Append { path, pieces } => {
                options.append(true).open_and_then(fs, &path_of(path), |file| each(file, pieces))?;
            }
            Operation::Overwrite { path, at, data } => options.open_and_then(fs, &path_of(path), |file| {
                file.seek(SeekFrom::Start(*at as u32))?;
                file.write_all(data)
            })?,
            Operation::Truncate { path, length } => {
                options.read(true).open_and_then(fs, &path_of(path), |file| file.set_len(*length))?;
            }
            Operation::Rename { from, to } => fs.rename(&path_of(from), &path_of(to))?,
            Operation::Remove { path } => fs.remove(&path_of(path))?,
            Operation::MakeDirectory { path } => fs.create_dir(&path_of(path))?,
            Operation::Read { path } => return Ok(Some(read_file(fs, path)?) == tree[path]),
        }
        Ok(true)
    }
}
