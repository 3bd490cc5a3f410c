//! Devices that hang on devices.

use crate::{
    Device, Generation, Gone, Part, Reason,
    limb::{Leaving, Limb, Removal, Stuck, fence, pull},
    sync::{Mutex, MutexGuard, PlainArc, Weak, lock, planted},
};
use alloc::{borrow::ToOwned, boxed::Box, collections::BTreeMap, string::String, vec::Vec};
use core::{error::Error, fmt, time::Duration};

/// A place in a tree, where one device after the other may be: each reset of a device above makes the next generation.
/// Places come from the tree only and are never used again, so no cycle can be made, and no child without a parent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place(u64);

type MakeError = Box<dyn Error + Send + Sync>;
type Maker = Box<dyn FnMut() -> Result<PlainArc<dyn Limb>, MakeError> + Send>;

/// A tree of devices. A clone is the same tree.
///
/// Children go before their parent: they are marked before it, the deepest first, all with one heavy fence, and their
/// fences are waited for before its own. When a device goes by itself ([`Noticer`](crate::Noticer)), what hangs on it is
/// pulled at its step of the names; it stays in the tree, dead, until it is unplugged there. [Reset](Tree::reset) pulls all that hangs on a device and makes it anew.
///
/// ```
/// use outlive::{Device, Reason, REMOVAL_BUDGET, Tree};
///
/// let tree = Tree::new();
/// let hub = tree.plant("hub", Device::new("hub", ()));
/// let port = tree.add(hub, "port 1", || Ok(Device::new("port", 7)))?;
/// let first = tree.device::<&str, i32>(port).unwrap();
///
/// tree.reset(hub, REMOVAL_BUDGET, || println!("the hub is being reset"))?;
/// let second = tree.device::<&str, i32>(port).unwrap();
/// assert_eq!(first.gone().unwrap().reason, Reason::Reset);
/// assert!(second.gone().is_none() && tree.generation(port).unwrap().0 == 2);
///
/// let removal = tree.unplug(hub, Reason::Orderly, REMOVAL_BUDGET)?;
/// assert!(removal.stuck.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Tree {
    forest: PlainArc<Mutex<Forest>>,
}

struct Forest {
    next: u64,
    nodes: BTreeMap<Place, Node>,
    /// Those that have been taken out and may not be fenced yet: a removal further up waits for them, too.
    leaving: Vec<Plucked>,
}

/// A device that has been taken out.
struct Plucked {
    /// Its place, and then those above it.
    line: Vec<Place>,
    name: String,
    limb: Weak<dyn Limb>,
}

impl Default for Forest {
    fn default() -> Self {
        Forest { next: 1, nodes: BTreeMap::new(), leaving: Vec::new() }
    }
}

struct Node {
    name: String,
    parent: Option<Place>,
    children: Vec<Place>,
    generation: u64,
    /// `None` while it is being made anew, or if that failed.
    limb: Option<PlainArc<dyn Limb>>,
    /// `None` at a root, which is never made anew, and while the maker is being called.
    maker: Option<Maker>,
    resetting: bool,
}

/// Why something cannot be done in a tree.
#[derive(Debug)]
#[non_exhaustive]
pub enum TreeError {
    /// There is no such place, any more.
    Gone,
    /// It is being reset, or something above or below it is.
    Resetting,
    /// The maker of the device failed.
    Maker(MakeError),
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TreeError::Gone => f.write_str("the device is not in the tree any more"),
            TreeError::Resetting => f.write_str("the device is being reset, or one above or below it is"),
            TreeError::Maker(error) => write!(f, "the device could not be made: {error}"),
        }
    }
}

impl Error for TreeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            TreeError::Maker(error) => Some(&**error),
            TreeError::Gone | TreeError::Resetting => None,
        }
    }
}

/// What a reset came to.
#[derive(Debug, Default)]
pub struct Reset {
    /// The children of the generation before that somebody was still inside of when the limit was over. They are dead
    /// and left behind; the new generation is there all the same.
    pub stuck: Vec<Stuck>,
    /// The places where the next generation could not be made, by name. What hangs on them is not there either; the next
    /// reset tries again.
    pub failed: Vec<(Place, String, MakeError)>,
}

impl Tree {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Forest> {
        lock(&self.forest)
    }

    /// Puts a device in as a root.
    pub fn plant<S: Part, H: Part>(&self, name: &str, device: Device<S, H>) -> Place {
        let limb: PlainArc<dyn Limb> = PlainArc::new(device);
        let mut forest = self.lock();
        let place = forest.insert(None, name, None, limb.clone());
        drop(forest);
        self.follow(place, &limb);
        place
    }

    /// Makes a device and hangs it on `parent`. `maker` is called now, and again whenever a device above has been reset;
    /// with no lock held: it may open the parent, for instance.
    ///
    /// # Errors
    /// [`TreeError`]. If the parent goes meanwhile, either the child is in and goes along, or this fails.
    pub fn add<S: Part, H: Part>(
        &self,
        parent: Place,
        name: &str,
        mut maker: impl FnMut() -> Result<Device<S, H>, MakeError> + Send + 'static,
    ) -> Result<Place, TreeError> {
        self.lock().alive(parent)?;
        let limb: PlainArc<dyn Limb> = PlainArc::new(maker().map_err(TreeError::Maker)?);
        let next = move || maker().map(|device| PlainArc::new(device) as PlainArc<dyn Limb>);
        let mut forest = self.lock();
        if !planted!(ChildOfTheDead) {
            // If it fails, the device that was made is dropped, and goes as abandoned.
            forest.alive(parent)?;
        }
        let place = forest.insert(Some(parent), name, Some(Box::new(next)), limb.clone());
        drop(forest);
        self.follow(place, &limb);
        Ok(place)
    }

    /// Lets what hangs on a device go with it when it goes by itself.
    fn follow(&self, place: Place, limb: &PlainArc<dyn Limb>) {
        let (forest, me) = (PlainArc::downgrade(&self.forest), PlainArc::downgrade(limb));
        limb.on_names(Box::new(move |gone| {
            let Some(forest) = forest.upgrade() else { return };
            let below = {
                let forest = lock(&forest);
                let limb = forest.nodes.get(&place).and_then(|node| node.limb.as_ref());
                // Not those of another generation.
                let mine = limb.is_some_and(|limb| core::ptr::addr_eq(PlainArc::as_ptr(limb), me.as_ptr()));
                if mine { forest.limbs_below(place) } else { Leaving::new() }
            };
            pull(&below, gone);
        }));
    }

    /// The device at `place`, if there is one of that type.
    pub fn device<S: Part, H: Part>(&self, place: Place) -> Option<PlainArc<Device<S, H>>> {
        let limb = self.lock().nodes.get(&place)?.limb.clone()?;
        limb.as_any().downcast().ok()
    }

    /// Which generation is at `place`: 1 for the first.
    pub fn generation(&self, place: Place) -> Option<Generation> {
        self.lock().nodes.get(&place).map(|node| Generation(node.generation))
    }

    /// What hangs on the device at `place`, in the order in which it was added. Empty if there is none.
    pub fn children(&self, place: Place) -> Vec<Place> {
        self.lock().nodes.get(&place).map(|node| node.children.clone()).unwrap_or_default()
    }

    /// Removes the device at `place` with all that hangs on it, children before their parents, and waits for up to
    /// `limit` in all; also for what another removal or a reset has pulled there and still waits for. Who is stuck holds
    /// nobody else up.
    ///
    /// # Errors
    /// [`TreeError::Gone`].
    pub fn unplug(&self, place: Place, reason: Reason, limit: Duration) -> Result<Removal, TreeError> {
        let (there, leaving) = self.lock().take_out(place);
        if !there && leaving.iter().all(|(_, _, limb)| limb.is_released()) {
            return Err(TreeError::Gone);
        }
        pull(&leaving, Gone::now(reason));
        Ok(fence(leaving, limit))
    }

    /// Resets the device at `place`: pulls all that hangs on it, waits for up to `limit` for those inside, calls `reset`,
    /// and makes all anew, parents before their children. Nobody holds it hostage: a child that somebody is still inside
    /// of stays behind, dead and named, and its next generation comes all the same.
    ///
    /// # Errors
    /// [`TreeError::Gone`]; [`TreeError::Resetting`] if it is under way, here, above or below. Then nothing has happened.
    pub fn reset(&self, place: Place, limit: Duration, reset: impl FnOnce()) -> Result<Reset, TreeError> {
        let (leaving, below) = self.lock().begin_reset(place)?;
        pull(&leaving, Gone::now(Reason::Reset));
        let removal = fence(leaving, limit);
        // The hardware of the generation before.
        drop(removal.hardware);
        // Over when it is dropped, also by a panic.
        let _resetting = Resetting { tree: self, place };
        reset();
        let failed = below.into_iter().filter_map(|place| self.make_anew(place)).collect();
        Ok(Reset { stuck: removal.stuck, failed })
    }

    /// Makes the next generation at `place`, if its parent is there.
    fn make_anew(&self, place: Place) -> Option<(Place, String, MakeError)> {
        let mut maker = {
            let mut forest = self.lock();
            forest.has_live_parent(place).then(|| forest.nodes.get_mut(&place)?.maker.take()).flatten()?
        };
        let made = maker();
        let mut forest = self.lock();
        // Meanwhile it may have been unplugged, or its parent: then what was made goes as abandoned.
        let alive = forest.has_live_parent(place) || planted!(ChildOfTheDead) && forest.nodes.contains_key(&place);
        let node = forest.nodes.get_mut(&place)?;
        node.maker = Some(maker);
        if !alive {
            return None;
        }
        match made {
            Ok(limb) => {
                node.generation += 1;
                node.limb = Some(limb.clone());
                drop(forest);
                self.follow(place, &limb);
                None
            }
            Err(error) => Some((place, node.name.clone(), error)),
        }
    }
}

impl Forest {
    fn insert(&mut self, parent: Option<Place>, name: &str, maker: Option<Maker>, limb: PlainArc<dyn Limb>) -> Place {
        let place = Place(self.next);
        self.next += 1;
        let (name, children) = (name.to_owned(), Vec::new());
        let node = Node { name, parent, children, generation: 1, limb: Some(limb), maker, resetting: false };
        self.nodes.insert(place, node);
        if let Some(parent) = parent.and_then(|parent| self.nodes.get_mut(&parent)) {
            parent.children.push(place);
        }
        place
    }

    fn node(&self, place: Place) -> Result<&Node, TreeError> {
        self.nodes.get(&place).ok_or(TreeError::Gone)
    }

    /// Whether something may be hung on it.
    fn alive(&self, place: Place) -> Result<(), TreeError> {
        match &self.node(place)?.limb {
            None => Err(TreeError::Resetting),
            Some(_) if self.node(place)?.resetting => Err(TreeError::Resetting),
            Some(limb) if limb.is_gone() => Err(TreeError::Gone),
            Some(_) => Ok(()),
        }
    }

    fn has_live_parent(&self, place: Place) -> bool {
        let parent = self.nodes.get(&place).and_then(|node| node.parent).and_then(|parent| self.nodes.get(&parent));
        parent.and_then(|parent| parent.limb.as_ref()).is_some_and(|limb| !limb.is_gone())
    }

    /// All that hangs on `place`, parents before their children.
    fn below(&self, place: Place) -> Vec<Place> {
        let mut below = Vec::new();
        let mut next = self.nodes.get(&place).map(|node| node.children.clone()).unwrap_or_default();
        while let Some(child) = next.pop() {
            below.push(child);
            next.extend(self.nodes.get(&child).into_iter().flat_map(|node| &node.children));
        }
        below
    }

    fn limbs_below(&self, place: Place) -> Leaving {
        let limb = |place| self.nodes.get(&place).and_then(|node| Some((place, node.name.clone(), node.limb.clone()?)));
        self.below(place).into_iter().rev().filter_map(limb).collect()
    }

    /// `place`, and those above it.
    fn line(&self, place: Place) -> Vec<Place> {
        let above = |place: &Place| self.nodes.get(place)?.parent;
        core::iter::successors(Some(place), above).collect()
    }

    /// Takes `place` and all that hangs on it out of the tree: from here on nothing can be added to any of them. What
    /// has been taken out there before comes first. And whether `place` was there.
    fn take_out(&mut self, place: Place) -> (bool, Leaving) {
        let mut out = self.left_behind(place);
        if !self.nodes.contains_key(&place) {
            return (false, out);
        }
        let mut places = self.below(place);
        places.insert(0, place);
        for place in places.iter().rev() {
            out.extend(self.pluck(*place));
        }
        let parent = self.nodes.get(&place).and_then(|node| node.parent);
        if let Some(parent) = parent.and_then(|parent| self.nodes.get_mut(&parent)) {
            parent.children.retain(|child| *child != place);
        }
        places.iter().for_each(|place| drop(self.nodes.remove(place)));
        (true, out)
    }

    /// Takes the device from its place, and notes that it is leaving.
    fn pluck(&mut self, place: Place) -> Option<(Place, String, PlainArc<dyn Limb>)> {
        let line = self.line(place);
        let node = self.nodes.get_mut(&place)?;
        let (name, limb) = (node.name.clone(), node.limb.take()?);
        self.leaving.push(Plucked { line, name: name.clone(), limb: PlainArc::downgrade(&limb) });
        Some((place, name, limb))
    }

    /// Those that were taken out of `place` or from below it, and may not be fenced yet.
    fn left_behind(&mut self, place: Place) -> Leaving {
        self.leaving.retain(|plucked| plucked.limb.strong_count() > 0);
        let there = self.leaving.iter().filter(|plucked| plucked.line.contains(&place) && !planted!(OthersNotAwaited));
        // The caller drops them, with the lock released: it may be the last to hold one.
        there.filter_map(|plucked| Some((plucked.line[0], plucked.name.clone(), plucked.limb.upgrade()?))).collect()
    }

    fn begin_reset(&mut self, place: Place) -> Result<(Leaving, Vec<Place>), TreeError> {
        self.alive(place)?;
        let below = self.below(place);
        let above = core::iter::successors(self.node(place)?.parent, |place| self.nodes.get(place)?.parent);
        let resetting = |place: &Place| self.nodes.get(place).is_some_and(|node| node.resetting);
        if below.iter().any(resetting) || above.into_iter().any(|place| resetting(&place)) {
            return Err(TreeError::Resetting);
        }
        let mut leaving = Leaving::new();
        for place in below.iter().rev() {
            leaving.extend(self.pluck(*place));
        }
        if let Some(node) = self.nodes.get_mut(&place) {
            node.resetting = true;
        }
        Ok((leaving, below))
    }
}

/// A reset that is under way.
struct Resetting<'a> {
    tree: &'a Tree,
    place: Place,
}

impl Drop for Resetting<'_> {
    fn drop(&mut self) {
        if let Some(node) = self.tree.lock().nodes.get_mut(&self.place) {
            node.resetting = false;
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forest = self.lock();
        let mut nodes = f.debug_map();
        forest.nodes.values().for_each(|node| _ = nodes.entry(&node.name, &node.generation));
        nodes.finish()
    }
}
