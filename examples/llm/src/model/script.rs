//! What the model says.

/// How much of a prompt is said again.
const QUOTED: usize = 60;

/// The answer to a prompt, token by token: a word with the space before it.
pub(crate) fn tokens(prompt: &str) -> Vec<String> {
    let line = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut quoted: String = line.chars().take(QUOTED).collect();
    if quoted.len() < line.len() {
        quoted.push('…');
    }
    split(&format!(
        "You asked: “{quoted}”\n\n\
         This model is scripted: it has one answer, and gives it to everyone, one token at a time, as \
         a language model does. Each token is an event. It left the model, passed a front that knows \
         the key, and reached this page the moment it was made. Nothing on the way waited for the \
         next one. ☕\n\n\
         Now the part that costs money. A model that is not told goes on to the end, whether anybody \
         reads or not. Press stop: the page hangs up, the front lets go of its own connection at once, \
         and the model makes no further token. The counter beside this text is the model’s own. \
         It does not guess.\n\n\
         And an answer that merely ends is not a complete one. Only the word DONE, in brackets, \
         makes it so; without it this page says that the answer was cut off."
    ))
}

fn split(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = vec![];
    let mut was_space = false;
    for character in text.chars() {
        let is_space = character.is_whitespace();
        match tokens.last_mut() {
            Some(token) if was_space || !is_space => token.push(character),
            _ => tokens.push(character.into()),
        }
        was_space = is_space;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_word_with_the_space_before_it() {
        assert_eq!(split("a bc\n\nd "), ["a", " bc", "\n\nd", " "]);
        assert!(split("").is_empty());
    }

    #[test]
    fn a_prompt_is_quoted_on_one_line_and_not_at_length() {
        let text = |prompt| tokens(prompt).concat();
        assert!(text("why\n so").starts_with("You asked: “why so”\n\n"));
        let long = "ä".repeat(QUOTED + 1);
        assert!(text(&long).starts_with(&format!("You asked: “{}…”", "ä".repeat(QUOTED))));
        assert!(text(&long[2..]).starts_with(&format!("You asked: “{}”", "ä".repeat(QUOTED))));
    }
}
