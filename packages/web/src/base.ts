/** Path of the console with a slash at its end: the entry lies in `BASE/assets/`. */
export const basePath: string = new URL(/* @vite-ignore */ '..', import.meta.url).pathname
