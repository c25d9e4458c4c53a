import { buildRouteMap, type Command, type RouteMap } from '@stricli/core'
import type { NixenContext } from './context.ts'

/** Longer than this, what a command takes has a line of its own in the list, before what it does. */
const longestUsage = 34

/** Commands under one word. Their help is a list: what each takes and what it does, each once. */
export function commandGroup(
  routes: Readonly<Record<string, Command<NixenContext> | RouteMap<NixenContext>>>,
  brief: string,
): RouteMap<NixenContext> {
  const map = buildRouteMap<string, NixenContext>({ routes, docs: { brief } })
  return {
    ...map,
    brief,
    formatHelp: ({ prefix, config, ansiColor }) => {
      const lines = map.getAllEntries().map(({ name, target }): readonly [usage: string, brief: string] => {
        const words = name[config.caseStyle]
        // A group below is not told in full.
        const isGroup = 'getAllEntries' in target
        return [isGroup ? words : target.formatUsageLine({ prefix: [words], config, ansiColor }), target.brief]
      })
      const width = Math.max(...lines.map(([usage]) => usage.length).filter((length) => length <= longestUsage))
      const list = lines.map(([usage, what]) =>
        usage.length > width ? `  ${usage}\n  ${' '.repeat(width)}  ${what}` : `  ${usage.padEnd(width)}  ${what}`,
      )
      const name = prefix.join(' ')
      return [
        `${brief}\n`,
        `USAGE\n  ${name} COMMAND [FLAGS]\n  ${name} COMMAND --help    what a command does, and its flags\n`,
        `COMMANDS\n${list.join('\n')}\n`,
      ].join('\n')
    },
  }
}
