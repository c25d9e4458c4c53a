import type { Constants } from './model.ts'

/** The public constants, under the names that libvirt's manual uses. */
export function generateConstants({ enums }: Constants): string {
  const seen = new Set<string>()
  return enums
    .map(({ name, values }) => {
      const lines = Object.entries(values)
        .filter(([key]) => !seen.has(key) && seen.add(key))
        .map(([key, value]) => `export const ${key} = ${value}`)
      return `// ${name}\n${lines.join('\n')}\n`
    })
    .join('\n')
}
