//! The folder of a run.

use super::{Archive, StoreError, read, write, write_text};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of a run and the names in it.
///
/// ```text
/// config.toml               what was asked, with every default it took
/// model.safetensors         the finished model
/// checkpoint.safetensors    the newest state of training; gone when it has finished
/// checkpoint.previous.safetensors
/// metrics.jsonl             a line each time the loss is reported, then the evaluation
/// replaced/                 the finished run that is being replaced; gone when this one has finished
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

/// How far the run in a folder got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// No run.
    Empty,
    /// Begun, not finished.
    Unfinished,
    /// A trained model.
    Finished,
}

const CONFIG: &str = "config.toml";
pub(crate) const MODEL: &str = "model.safetensors";
const CHECKPOINT: &str = "checkpoint.safetensors";
const PREVIOUS: &str = "checkpoint.previous.safetensors";
const METRICS: &str = "metrics.jsonl";
const AVERAGES: &str = "averages.safetensors";
/// What a bridge is kept in: another kind of folder.
const BRIDGE: &str = "bridge.safetensors";
/// Where a finished run waits until the one that replaces it has finished too.
const REPLACED: &str = "replaced";
/// All that a run leaves, figures included.
const ALL: [&str; 9] = [
    MODEL,
    CHECKPOINT,
    PREVIOUS,
    METRICS,
    CONFIG,
    AVERAGES,
    "samples.png",
    "loss.png",
    "transport.png",
];

impl Folder {
    /// The folder at `path`, which need not exist.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// How far the run in it got.
    #[must_use]
    pub fn state(&self) -> RunState {
        if self.file(MODEL).exists() {
            RunState::Finished
        } else if [CONFIG, CHECKPOINT, PREVIOUS, METRICS].iter().any(|f| self.file(f).exists()) {
            RunState::Unfinished
        } else {
            RunState::Empty
        }
    }

    /// Makes the folder for a new run.
    ///
    /// # Errors
    /// [`StoreError`] when it holds a run already, or cannot be made.
    pub fn begin(&self) -> Result<(), StoreError> {
        let state = match self.state() {
            RunState::Empty if self.file(BRIDGE).exists() => "bridge",
            RunState::Empty => {
                return fs::create_dir_all(&self.path)
                    .map_err(StoreError::io(&self.path, "creating the folder"));
            }
            RunState::Unfinished => "run that was not finished",
            RunState::Finished => "finished run",
        };
        Err(StoreError::Occupied { path: self.path.clone(), state })
    }

    /// Makes room for another run: a finished one is put aside until that has finished, an
    /// unfinished one is removed. Nothing else that stands in the folder is touched.
    ///
    /// # Errors
    /// [`StoreError::Io`] when a file cannot be moved or removed.
    pub fn replace(&self) -> Result<(), StoreError> {
        let aside = self.file(REPLACED);
        let finished = self.state() == RunState::Finished;
        if finished {
            Self::new(&aside).remove()?;
            fs::create_dir_all(&aside).map_err(StoreError::io(&aside, "creating the folder"))?;
            self.put(&aside)?;
        }
        self.remove()
    }

    /// Puts the run that was being replaced back, if there is one, in the place of what a failed
    /// one left.
    ///
    /// # Errors
    /// [`StoreError::Io`] when a file cannot be moved or removed.
    pub fn restore(&self) -> Result<(), StoreError> {
        let aside = Self::new(&self.file(REPLACED));
        if aside.state() == RunState::Finished {
            self.remove()?;
            aside.put(&self.path)?;
            let _ = fs::remove_dir(&aside.path);
        }
        Ok(())
    }

    /// Moves the run's files.
    fn put(&self, to: &Path) -> Result<(), StoreError> {
        for name in ALL {
            let path = self.file(name);
            if path.exists() {
                fs::rename(&path, to.join(name)).map_err(StoreError::io(&path, "moving"))?;
            }
        }
        Ok(())
    }

    fn remove(&self) -> Result<(), StoreError> {
        for name in ALL {
            let path = self.file(name);
            if path.exists() {
                fs::remove_file(&path).map_err(StoreError::io(&path, "removing"))?;
            }
        }
        Ok(())
    }

    /// Keeps other sessions out while the result lives, where the system knows how to.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when one is in; [`StoreError::Io`] when the folder cannot be made.
    pub(crate) fn lock(&self) -> Result<Option<fs::File>, StoreError> {
        fs::create_dir_all(&self.path)
            .map_err(StoreError::io(&self.path, "creating the folder"))?;
        let Ok(folder) = fs::File::open(&self.path) else { return Ok(None) };
        match folder.try_lock() {
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::Busy { path: self.path.clone() }),
            Err(fs::TryLockError::Error(_)) => Ok(None),
            Ok(()) => Ok(Some(folder)),
        }
    }

    /// Whether training left something to go on from.
    pub(crate) fn has_checkpoint(&self) -> bool {
        [CHECKPOINT, PREVIOUS].iter().any(|name| self.file(name).exists())
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write_config(&self, text: &str) -> Result<(), StoreError> {
        write_text(&self.file(CONFIG), text)
    }

    /// Reads `config.toml`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn read_config(&self) -> Result<String, StoreError> {
        let path = self.file(CONFIG);
        fs::read_to_string(&path).map_err(StoreError::io(&path, "reading"))
    }

    /// Writes a checkpoint, keeping the one before it.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the older checkpoint is then still there.
    pub fn write_checkpoint(&self, archive: &Archive) -> Result<(), StoreError> {
        let (newest, previous) = (self.file(CHECKPOINT), self.file(PREVIOUS));
        if newest.exists() {
            // A copy by link, so that there is a whole newest checkpoint at every moment.
            let _ = fs::remove_file(&previous);
            fs::hard_link(&newest, &previous)
                .or_else(|_| fs::copy(&newest, &previous).map(|_| ()))
                .map_err(StoreError::io(&previous, "keeping the previous checkpoint"))?;
        }
        write(&newest, archive)
    }

    /// The newest checkpoint, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] when it is damaged; [`StoreError::PreviousWhole`] when the one before it
    /// could serve instead.
    pub fn read_checkpoint(&self) -> Result<Option<Archive>, StoreError> {
        let (newest, previous) = (self.file(CHECKPOINT), self.file(PREVIOUS));
        if !newest.exists() && !previous.exists() {
            return Ok(None);
        }
        match read(&newest) {
            Ok(archive) => Ok(Some(archive)),
            Err(damage) if read(&previous).is_ok() => {
                let (damage, target) = (Box::new(damage), newest);
                Err(StoreError::PreviousWhole { damage, previous, target })
            }
            Err(damage) => Err(damage),
        }
    }

    /// Writes the finished model and removes the checkpoints that it makes useless.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn finish(&self, archive: &Archive) -> Result<(), StoreError> {
        write(&self.file(MODEL), archive)?;
        for name in [CHECKPOINT, PREVIOUS] {
            let _ = fs::remove_file(self.file(name));
        }
        let aside = Self::new(&self.file(REPLACED));
        if aside.state() != RunState::Empty {
            aside.remove()?;
            let _ = fs::remove_dir(&aside.path);
        }
        Ok(())
    }

    /// Writes the averages that others can be made of.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write_averages(&self, archive: &Archive) -> Result<(), StoreError> {
        write(&self.file(AVERAGES), archive)
    }

    /// The averages that others can be made of.
    ///
    /// # Errors
    /// [`StoreError::NoModel`] when the run kept none, or what is wrong with the file.
    pub fn read_averages(&self) -> Result<Archive, StoreError> {
        if self.file(AVERAGES).exists() {
            return read(&self.file(AVERAGES));
        }
        let hint = "; a run keeps averages when it is trained with --relative";
        Err(StoreError::NoModel { path: self.path.clone(), expected: AVERAGES, hint })
    }

    /// The finished model.
    ///
    /// # Errors
    /// [`StoreError::NoModel`] when there is none, or what is wrong with it.
    pub fn read_model(&self) -> Result<Archive, StoreError> {
        let hint = match self.state() {
            RunState::Finished => return read(&self.file(MODEL)),
            RunState::Unfinished => "; finish its training with `transport train … --resume`",
            RunState::Empty if self.file(BRIDGE).exists() => {
                "; it holds a bridge, which `transport carry` uses"
            }
            RunState::Empty => "; train one with `transport train`",
        };
        Err(StoreError::NoModel { path: self.path.clone(), expected: MODEL, hint })
    }

    /// Appends a line to `metrics.jsonl`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn append_metrics(&self, line: &Value) -> Result<(), StoreError> {
        let path = self.file(METRICS);
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| writeln!(file, "{line}"))
            .map_err(StoreError::io(&path, "appending"))
    }

    /// The lines of `metrics.jsonl`; a last line cut short by a crash is left out.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn metrics(&self) -> Result<Vec<Value>, StoreError> {
        let path = self.file(METRICS);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let text = fs::read_to_string(&path).map_err(StoreError::io(&path, "reading"))?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Drops the lines of `metrics.jsonl` that come after step `step`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn rewind_metrics(&self, step: u64) -> Result<(), StoreError> {
        let kept = self
            .metrics()?
            .into_iter()
            .filter(|line| line.get("step").and_then(Value::as_u64).is_some_and(|at| at <= step));
        let text: String = kept.map(|line| format!("{line}\n")).collect();
        write_text(&self.file(METRICS), &text)
    }
}
