/** Options that are remembered in this browser: the last ones, and those kept under a name. */

const LAST = 'options';
const NAMED = 'named options';
const MOST = 20; // names

/** Restores the last options of the `form`, unless it shows those of an earlier job. */
export function presets(form) {
  const place = form.querySelector('.presets');
  const select = place.querySelector('select');
  const name = place.querySelector('input');
  const [keep, forget] = place.querySelectorAll('button');
  const controls = [...form.querySelectorAll('.options [name]')];
  const usual = Object.fromEntries(controls.map((each) => [each.name, usualValue(each)]));
  const read = () => Object.fromEntries(controls.map((each) => [each.name, value(each)]));
  const kept = () => JSON.parse(localStorage.getItem(NAMED) ?? '{}');

  function apply(values) {
    for (const each of controls) {
      if (each.name in values) set(each, values[each.name]);
    }
  }

  function list(chosen) {
    const last = JSON.parse(localStorage.getItem(LAST) ?? 'null');
    const choices = [['As usual', usual], ...(last && !same(last, usual) ? [['As last time', last]] : []), ...Object.entries(kept())];
    select.replaceChildren(...choices.map(([text], number) => new Option(text, number)));
    select.value = Math.max(0, choices.findIndex(([text]) => text === chosen));
    forget.hidden = !(chosen in kept());
    select.onchange = () => {
      const [text, values] = choices[select.value];
      apply(values);
      forget.hidden = !(text in kept());
    };
    return last;
  }

  keep.addEventListener('click', () => {
    const text = name.value.trim();
    if (!text) {
      name.focus();
      return;
    }
    localStorage.setItem(NAMED, JSON.stringify(Object.fromEntries(
      [...Object.entries({ ...kept(), [text]: read() })].slice(-MOST),
    )));
    name.value = '';
    list(text);
  });
  forget.addEventListener('click', () => {
    const { [select.selectedOptions[0].text]: _, ...others } = kept();
    localStorage.setItem(NAMED, JSON.stringify(others));
    list('As usual');
  });
  form.addEventListener('submit', () => localStorage.setItem(LAST, JSON.stringify(read())));

  place.hidden = false;
  const last = list('As last time');
  if (last && !form.dataset.video && !form.dataset.again) apply(last);
  else select.value = 0;
}

function same(one, other) {
  return Object.keys(other).every((name) => one[name] === other[name]);
}

function value(control) {
  return control.type === 'checkbox' ? control.checked : control.value;
}

/** What the page came with; a browser may have filled in something else since. */
function usualValue(control) {
  if (control.type === 'checkbox') return control.defaultChecked;
  if (control.tagName !== 'SELECT') return control.defaultValue;
  return ([...control.options].find((each) => each.defaultSelected) ?? control.options[0]).value;
}

function set(control, wanted) {
  if (control.type === 'checkbox') control.checked = wanted;
  else if (control.tagName !== 'SELECT') control.value = wanted;
  else if ([...control.options].some((each) => each.value === wanted && !each.disabled)) control.value = wanted;
}
