// The plainest tree, whose files also have what a client noted of them: it stays with new content, and goes along.
import { type Outcome, TreeModel } from './tree-model.ts';

const MARK = '\n# ';

export class NotedModel extends TreeModel {
  /** Content and note as one text. */
  static noted(content: string, note: string | undefined): string {
    return note === undefined ? content : content + MARK + note;
  }

  override put(path: string, content: string): Outcome {
    return super.put(path, NotedModel.noted(content, this.entries.get(path)?.split(MARK)[1]));
  }

  note(path: string, note: string): Outcome {
    const content = this.content(path);
    if (content !== undefined) {
      this.entries.set(path, NotedModel.noted(content, note));
      return 'done';
    }
    return this.entries.has(`${path}/`)
      ? 'done'
      : this.blocked(path) === 'not-directory'
        ? 'not-directory'
        : 'not-found';
  }

  content(path: string): string | undefined {
    return this.entries.get(path)?.split(MARK)[0];
  }

  /** What a reader of a file is told. */
  look(path: string): Outcome {
    if (this.entries.has(`${path}/`)) {
      return 'is-directory';
    }
    return this.entries.has(path) ? 'done' : 'not-found';
  }

  clone(): NotedModel {
    const copy = new NotedModel();
    for (const [path, content] of this.entries) {
      copy.entries.set(path, content);
    }
    return copy;
  }
}
