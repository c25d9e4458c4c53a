/** Finds handlers by method and the longest path that is a prefix of the request's, as the host does. */
export class Router<H> {
  readonly #routes = new Map<string, { path: string; handler: H }[]>()

  add(method: string, path: string, handler: H): void {
    const routes = this.#routes.get(method) ?? []
    const others = routes.filter((route) => route.path !== path)
    others.push({ path, handler })
    this.#routes.set(
      method,
      others.toSorted((a, b) => b.path.length - a.path.length),
    )
  }

  find(method: string, path: string): H | undefined {
    return this.#routes.get(method)?.find((route) => path.startsWith(route.path))?.handler
  }
}
