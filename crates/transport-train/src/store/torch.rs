//! PyTorch's files: tensors by name out of a `.pt` or `.pth`.

use super::pickle::{Id, Node, Pickle};
use super::zip::{Bytes, Zip, place};
use crate::weights::{Array, Weights};
use std::borrow::Cow;
use std::collections::HashMap;

/// A PyTorch file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// The file ends, or points outside itself.
    #[error("byte {at}: the file is cut short, or points outside itself")]
    Truncated {
        /// Where something was expected.
        at: usize,
    },
    /// An archive without a directory.
    #[error("the archive has no readable directory: the file is cut short or damaged")]
    NoDirectory,
    /// A compressed entry.
    #[error("entry `{entry}` is compressed: PyTorch stores its entries as they are")]
    Compressed {
        /// The entry.
        entry: String,
    },
    /// A damaged entry.
    #[error(
        "the checksum of entry `{entry}` is {found:08x} where {expected:08x} was written: the file is damaged"
    )]
    Checksum {
        /// The entry.
        entry: String,
        /// The checksum in the directory.
        expected: u32,
        /// The checksum of the content.
        found: u32,
    },
    /// An entry that is not there.
    #[error("the archive has no entry `{entry}`")]
    Entry {
        /// The entry.
        entry: String,
    },
    /// Numbers in the other byte order.
    #[error("the numbers are stored big-endian, which is not read here")]
    ByteOrder,
    /// An instruction that files of weights do not have.
    #[error("byte {at} of the pickle: instruction {code:#04x} does not occur in files of weights")]
    Opcode {
        /// The instruction.
        code: u8,
        /// Where.
        at: usize,
    },
    /// A pickle whose instructions do not fit together.
    #[error("byte {at} of the pickle: its instructions do not fit together")]
    Pickle {
        /// Where.
        at: usize,
    },
    /// A record that describes no tensor.
    #[error("tensor `{name}`: {reason}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Dictionaries inside dictionaries without end.
    #[error("the dictionaries of the pickle are nested too deep or refer to themselves")]
    Nesting,
    /// Tensors that share memory so often that they would not fit.
    #[error("the tensors together are larger than the file can hold")]
    Large,
    /// No tensor.
    #[error("the file holds no tensors by name")]
    Empty,
}

/// Sides of a tensor, at most.
const SIDES: usize = 16;

/// Dictionaries inside dictionaries, at most.
const DEEPEST: usize = 16;
/// The first bytes of a file of the time before archives: a pickle of a magic number.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// Whether a file begins like one of PyTorch's.
pub(super) fn is_one(content: &[u8]) -> bool {
    Zip::is_one(content) || content.starts_with(LEGACY)
}

/// The tensors of floating-point numbers in a file of PyTorch; others, such as counters, are left
/// out.
///
/// Nested dictionaries give names with points: a checkpoint `{"model": {"w": …}}` holds `model.w`.
/// The pickle is read, never run: of all that it may call, `_rebuild_tensor_v2` and
/// `_rebuild_parameter` have a meaning here.
///
/// # Errors
/// [`TorchError`]: a damaged file is refused whatever it holds, without more memory than a small
/// multiple of its size.
///
/// # References
/// PyTorch's `torch/serialization.py`, both layouts: the archive, and the one before version 1.6.
/// # Checked by
/// `tests/it/torch_files.rs`
pub(super) fn read(content: &[u8]) -> Result<Weights, TorchError> {
    if !Zip::is_one(content) {
        return legacy(content);
    }
    let zip = Zip::new(content)?;
    let missing = |entry: &str| TorchError::Entry { entry: entry.to_owned() };
    let (prefix, pickle) = zip.ending("data.pkl").ok_or_else(|| missing("data.pkl"))?;
    if zip.get(&format!("{prefix}byteorder")).is_some_and(|order| order != b"little") {
        return Err(TorchError::ByteOrder);
    }
    let pickle = Pickle::read(pickle, 0)?;
    let storage = |key: &str| {
        let entry = format!("{prefix}data/{key}");
        zip.get(&entry).ok_or_else(|| missing(&entry))
    };
    Reader { pickle: &pickle, storage: &storage, room: room(content) }.weights()
}

/// Values and letters that a file may give rise to: a few times what it holds, and room for a small
/// one to be told what is wrong with it.
fn room(content: &[u8]) -> usize {
    content.len().max(1 << 16)
}

/// Four pickles (magic number, version, host, object), the keys of the storages, then each storage
/// behind its count of elements.
fn legacy(content: &[u8]) -> Result<Weights, TorchError> {
    let version = Pickle::read(content, LEGACY.len())?;
    let host = Pickle::read(content, version.end)?;
    let pickle = Pickle::read(content, host.end)?;
    let keys = Pickle::read(content, pickle.end)?;
    let unfit = TorchError::Pickle { at: pickle.end };
    let mut types = HashMap::new();
    for id in pickle.persistent() {
        if let Some((kind, key)) = storage_record(&pickle, id) {
            types.insert(key, kind.map_or(0, Kind::width));
        }
    }
    let (mut at, mut storages) = (keys.end, HashMap::new());
    for key in keys.row(keys.root).ok_or_else(|| unfit.clone())? {
        let key = keys.text(*key).ok_or_else(|| unfit.clone())?;
        // What follows a storage of whole numbers cannot be found without its width.
        let width = types.get(key).copied().filter(|width| *width > 0);
        let width = width.ok_or_else(|| unfit.clone())?;
        let count = place(Bytes(content).number(at, 8)?, at)?;
        let size = count.checked_mul(width).ok_or(TorchError::Truncated { at })?;
        storages.insert(key, Bytes(content).slice(at + 8, size)?);
        at += 8 + size;
    }
    let missing = |key: &str| TorchError::Entry { entry: key.to_owned() };
    let storage = |key: &str| storages.get(key).copied().ok_or_else(|| missing(key));
    Reader { pickle: &pickle, storage: &storage, room: room(content) }.weights()
}

/// The numbers of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    F16,
    Bf16,
    F32,
    F64,
    /// Whole numbers or truth values, of so many bytes.
    Other(usize),
}

impl Kind {
    fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::Bf16,
            "FloatStorage" => Self::F32,
            "DoubleStorage" => Self::F64,
            "LongStorage" | "ComplexFloatStorage" => Self::Other(8),
            "IntStorage" => Self::Other(4),
            "ShortStorage" => Self::Other(2),
            "CharStorage" | "ByteStorage" | "BoolStorage" | "UntypedStorage" => Self::Other(1),
            "ComplexDoubleStorage" => Self::Other(16),
            _ => return None,
        })
    }

    fn width(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Other(width) => width,
        }
    }

    fn dtype(self) -> Option<safetensors::Dtype> {
        Some(match self {
            Self::F16 => safetensors::Dtype::F16,
            Self::Bf16 => safetensors::Dtype::BF16,
            Self::F32 => safetensors::Dtype::F32,
            Self::F64 => safetensors::Dtype::F64,
            Self::Other(_) => return None,
        })
    }
}

/// The type and the key of `('storage', type, key, location, count, …)`.
fn storage_record(pickle: &Pickle, id: Id) -> Option<(Option<Kind>, &str)> {
    let row = pickle.row(id)?;
    let (word, class, key) = (*row.first()?, *row.get(1)?, *row.get(2)?);
    let Node::Global { name, .. } = pickle.node(class) else { return None };
    if pickle.text(word)? != "storage" {
        return None;
    }
    Some((Kind::by_name(pickle.text(*name)?), pickle.text(key)?))
}

struct Reader<'a> {
    pickle: &'a Pickle,
    /// The bytes of a storage by its key.
    storage: &'a dyn Fn(&str) -> Result<&'a [u8], TorchError>,
    /// Values that may still be made: a file's tensors share memory a few times at most.
    room: usize,
}

impl<'a> Reader<'a> {
    fn weights(mut self) -> Result<Weights, TorchError> {
        let mut weights = Weights::default();
        self.collect(self.pickle.root, "", 0, &mut weights)?;
        if weights.0.is_empty() { Err(TorchError::Empty) } else { Ok(weights) }
    }

    /// The tensors of a dictionary and of those inside it.
    fn collect(
        &mut self,
        id: Id,
        path: &str,
        depth: usize,
        weights: &mut Weights,
    ) -> Result<(), TorchError> {
        let Node::Dict(pairs) = self.pickle.node(id) else {
            if let Some(array) = self.tensor(id, path)?
                && weights.0.insert(path.to_owned(), array).is_some()
            {
                let (name, reason) = (path.to_owned(), "two tensors have this name");
                return Err(TorchError::Tensor { name, reason });
            }
            return Ok(());
        };
        // Each look at a pair costs a little of the room, or shared dictionaries cost without end.
        self.spend(pairs.len())?;
        if depth == DEEPEST {
            return Err(TorchError::Nesting);
        }
        for (key, value) in pairs {
            let key = match self.pickle.node(*key) {
                Node::Text(text) => Cow::Borrowed(text.as_str()),
                Node::Int(number) => Cow::Owned(number.to_string()),
                _ => continue,
            };
            self.spend(path.len() + key.len())?;
            let inner = if path.is_empty() { key.into_owned() } else { format!("{path}.{key}") };
            self.collect(*value, &inner, depth + 1, weights)?;
        }
        Ok(())
    }

    fn spend(&mut self, amount: usize) -> Result<(), TorchError> {
        self.room = self.room.checked_sub(amount).ok_or(TorchError::Large)?;
        Ok(())
    }

    /// The array of a tensor's record; `None` for what is no tensor of floating-point numbers.
    fn tensor(&mut self, id: Id, name: &str) -> Result<Option<Array>, TorchError> {
        let Some(arguments) = self.call(id, "_rebuild_tensor_v2").or_else(|| {
            let inner = *self.call(id, "_rebuild_parameter")?.first()?;
            self.call(inner, "_rebuild_tensor_v2")
        }) else {
            return Ok(None);
        };
        let unfit = |reason| TorchError::Tensor { name: name.to_owned(), reason };
        let [stored, offset, shape, strides, ..] = arguments else {
            return Err(unfit("its record is incomplete"));
        };
        let record = match self.pickle.node(*stored) {
            Node::Persistent(record) => storage_record(self.pickle, *record),
            _ => None,
        };
        let (kind, key) = record.ok_or_else(|| unfit("it refers to no storage"))?;
        let kind = kind.ok_or_else(|| unfit("its numbers are of an unknown type"))?;
        let Some(dtype) = kind.dtype() else { return Ok(None) };
        let bytes = (self.storage)(key)?;
        let negative = || unfit("its offset, shape or strides are negative or no numbers");
        if [shape, strides].iter().any(|id| self.pickle.row(**id).is_some_and(|r| r.len() > SIDES))
        {
            return Err(unfit("it has more sides than tensors have"));
        }
        let view = View {
            offset: self.size(*offset).ok_or_else(negative)?,
            shape: self.sizes(*shape).ok_or_else(negative)?,
            strides: self.sizes(*strides).ok_or_else(negative)?,
        };
        if view.shape.len() != view.strides.len() {
            return Err(unfit("its shape and its strides do not fit together"));
        }
        let count = view.count(bytes.len().div_euclid(kind.width()));
        let count = count.ok_or_else(|| unfit("it reaches beyond its storage"))?;
        self.spend(count)?;
        let values = super::arrays::floats(dtype, &view.gather(bytes, kind.width(), count));
        Ok(values.map(|values| Array { shape: view.shape, values }))
    }

    /// The arguments of a call of one of PyTorch's own functions.
    fn call(&self, id: Id, name: &str) -> Option<&'a [Id]> {
        match self.pickle.node(id) {
            Node::Call { callee, arguments }
                if self.pickle.is_global(*callee, "torch._utils", name) =>
            {
                self.pickle.row(*arguments)
            }
            _ => None,
        }
    }

    fn size(&self, id: Id) -> Option<usize> {
        self.pickle.int(id).and_then(|value| usize::try_from(value).ok())
    }

    fn sizes(&self, id: Id) -> Option<Vec<usize>> {
        self.pickle.row(id)?.iter().map(|item| self.size(*item)).collect()
    }
}

/// A strided view of a storage.
struct View {
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl View {
    /// The number of values, when all of them lie in a storage of that length.
    fn count(&self, length: usize) -> Option<usize> {
        let count = self.shape.iter().try_fold(1usize, |all, side| all.checked_mul(*side))?;
        let mut last = self.offset;
        for (side, stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add(side.saturating_sub(1).checked_mul(*stride)?)?;
        }
        (count == 0 || last < length).then_some(count)
    }

    /// The bytes of the values, row-major.
    fn gather(&self, bytes: &[u8], width: usize, count: usize) -> Vec<u8> {
        let place = |flat: usize| {
            let (mut rest, mut at) = (flat, self.offset);
            for (side, stride) in self.shape.iter().zip(&self.strides).rev() {
                at += (rest % side) * stride;
                rest = rest.div_euclid(*side);
            }
            at * width
        };
        (0..count).flat_map(|flat| &bytes[place(flat)..place(flat) + width]).copied().collect()
    }
}
