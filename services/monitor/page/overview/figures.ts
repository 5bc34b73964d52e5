/**
 * A row of figures, each with a name.
 *
 * @module
 */
import { element, setText } from "../../../kit/page/dom.ts";

/** Shows figures in a `dl`. Those that stay the same are left alone. */
export function showFigures(
  list: Element,
  figures: readonly (readonly [name: string, value: string])[],
): void {
  if (list.children.length !== figures.length) {
    list.replaceChildren(
      ...figures.map(() => element("div", {}, element("dt"), element("dd"))),
    );
  }
  figures.forEach(([name, value], index) => {
    const [term, text] = list.children[index]!.children;
    setText(term!, name);
    setText(text!, value);
  });
}
