// What a tree is, said as simply as can be: a map from paths to content, directories ending in a slash.

/** Codes of the errors that the tree may answer with, or `done`. */
export type Outcome = string;

export class TreeModel {
  /** `/a/` for a directory, `/a/f` for a file. The root is not in it. */
  readonly entries: Map<string, string> = new Map();

  put(path: string, content: string): Outcome {
    const blocked = this.blocked(path);
    if (blocked) {
      return blocked;
    }
    if (this.#isDirectory(path)) {
      return 'is-directory';
    }
    this.entries.set(path, content);
    return 'done';
  }

  makeDirectory(path: string): Outcome {
    const blocked = this.blocked(path);
    if (blocked) {
      return blocked;
    }
    if (this.#isThere(path)) {
      return 'exists';
    }
    this.entries.set(`${path}/`, '');
    return 'done';
  }

  remove(path: string): Outcome {
    const blocked = this.blocked(path);
    if (blocked || !this.#isThere(path)) {
      return blocked ?? 'not-found';
    }
    this.#cut(path);
    return 'done';
  }

  transfer(from: string, to: string, isMove: boolean, overwrite: boolean): Outcome {
    if (from === to || to.startsWith(`${from}/`) || from.startsWith(`${to}/`)) {
      return 'denied';
    }
    const lost = isMove ? this.blocked(from) : undefined;
    if (lost === 'not-directory') {
      return lost;
    }
    if (lost || this.blocked(from) || !this.#isThere(from)) {
      return 'not-found';
    }
    const blocked = this.blocked(to);
    if (blocked) {
      return blocked;
    }
    if (this.#isThere(to) && !overwrite) {
      return 'exists';
    }
    const moved = [...this.entries].filter(([path]) => path === from || path.startsWith(`${from}/`));
    this.#cut(to);
    if (isMove) {
      this.#cut(from);
    }
    for (const [path, content] of moved) {
      this.entries.set(to + path.slice(from.length), content);
    }
    return 'done';
  }

  /** Sorted, as a dump of the tree gives it. */
  dump(): Record<string, string> {
    return Object.fromEntries([...this.entries].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #isDirectory(path: string): boolean {
    return path === '' || this.entries.has(`${path}/`);
  }

  #isThere(path: string): boolean {
    return this.#isDirectory(path) || this.entries.has(path);
  }

  /** Why nothing can be changed at `path`: what stands, or does not stand, above it. */
  blocked(path: string): Outcome | undefined {
    const names = path.split('/').slice(1, -1);
    let above = '';
    for (const name of names) {
      above += `/${name}`;
      if (this.entries.has(above)) {
        return 'not-directory';
      }
      if (!this.#isDirectory(above)) {
        return 'parent-missing';
      }
    }
    return undefined;
  }

  #cut(path: string): void {
    for (const other of [...this.entries.keys()]) {
      if (other === path || other.startsWith(`${path}/`)) {
        this.entries.delete(other);
      }
    }
  }
}
