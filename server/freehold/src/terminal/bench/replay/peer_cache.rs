//! The cache of llama.vscode: 250 answers by their window, looked back for along the cursor's line. Pure.

use std::collections::HashMap;

use crate::terminal::peer::infill::Window;

/// `max_cache_keys`.
const KEYS_MAX: usize = 250;

/// The cache.
#[derive(Debug, Default)]
pub struct Cache {
    entries: HashMap<Window, Entry>,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    suggestions: Vec<String>,
    used: u64,
}

impl Cache {
    /// The suggestions for exactly `window`.
    pub fn get(&mut self, window: &Window) -> Option<&[String]> {
        self.uses += 1;
        let entry = self.entries.get_mut(&key(window))?;
        entry.used = self.uses;
        Some(&entry.suggestions)
    }

    /// Keeps `suggestions` for `window`; the one that was longest not used goes.
    pub fn put(&mut self, window: &Window, suggestions: Vec<String>) {
        self.uses += 1;
        let used = self.uses;
        self.entries.insert(key(window), Entry { suggestions, used });
        if self.entries.len() > KEYS_MAX {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(window, _)| window.clone()) {
                self.entries.remove(&oldest);
            }
        }
    }

    /// The suggestions for `window`, or what is left of those for an earlier place in the same line that what
    /// was typed since agrees with.
    pub fn look_back(&mut self, window: &Window) -> Option<Vec<String>> {
        if let Some(suggestions) = self.get(window) {
            return Some(suggestions.to_vec());
        }
        let ends: Vec<usize> = window.prompt.char_indices().map(|(at, _)| at).collect();
        for end in ends.into_iter().rev() {
            let (earlier, since) = window.prompt.split_at(end);
            let earlier = Window {
                prompt: earlier.to_owned(),
                ..window.clone()
            };
            let Some(suggestions) = self.get(&earlier) else {
                continue;
            };
            let left = suggestions.iter().filter_map(|text| text.strip_prefix(since));
            let left: Vec<String> = left.map(str::to_owned).collect();
            if !left.is_empty() {
                return Some(left);
            }
        }
        None
    }
}

/// The indentation is no part of the key there.
fn key(window: &Window) -> Window {
    Window {
        indentation_units: 0,
        ..window.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(prompt: &str, suffix: &str) -> Window {
        Window {
            input_prefix: "a\n".to_owned(),
            input_suffix: suffix.to_owned(),
            prompt: prompt.to_owned(),
            indentation_units: prompt.len(),
        }
    }

    #[test]
    fn typing_along_is_found_on_the_line() {
        let mut cache = Cache::default();
        cache.put(&window("let ", "\n"), vec!["é = 1;".to_owned(), "b".to_owned()]);
        let cases = [
            ("let ", Some(vec!["é = 1;", "b"])),
            ("let é", Some(vec![" = 1;"])),
            ("let b", Some(vec![""])),
            ("let c", None),
            ("let", None),
        ];
        for (prompt, expected) in cases {
            let found = cache.look_back(&window(prompt, "\n"));
            let expected: Option<Vec<String>> =
                expected.map(|texts| texts.into_iter().map(str::to_owned).collect());
            assert_eq!(found, expected, "{prompt}");
        }
        assert_eq!(cache.look_back(&window("let ", ")\n")), None);
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let mut cache = Cache::default();
        for index in 0..KEYS_MAX {
            cache.put(&window(&index.to_string(), ""), Vec::new());
        }
        assert!(cache.get(&window("0", "")).is_some());
        cache.put(&window("new", ""), Vec::new());
        assert!(cache.get(&window("0", "")).is_some() && cache.get(&window("1", "")).is_none());
    }
}
