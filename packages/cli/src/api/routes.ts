import type { Command, RouteMap } from '@stricli/core'
import { allEndpoints, inventoryTypes } from '@nixen/api'
import type { NixenContext } from '../context.ts'
import { commandGroup } from '../group.ts'
import { operationCommand } from './command.ts'
import { groupBriefs } from './groups.ts'
import { waitCommand } from './wait-route.ts'
import { watchCommand } from './watch-route.ts'

/** Routes by their first word. */
export type Routes = Readonly<Record<string, Command<NixenContext> | RouteMap<NixenContext>>>

interface Tree extends Map<string, Tree | Command<NixenContext>> {}

/**
 * A command for every endpoint of the contract that has a verb, and `TYPE watch` for everything that the inventory holds; with them the
 * commands of this machine that share a first word. Throws a `TypeError` when two have one name.
 */
export function apiRoutes(shared: Readonly<Record<string, Readonly<Record<string, Command<NixenContext>>>>>): Routes {
  const tree: Tree = new Map()
  for (const [word, commands] of Object.entries(shared)) {
    for (const [second, command] of Object.entries(commands)) add(tree, [word, second], command)
  }
  for (const operation of allEndpoints) {
    const verb = operation.endpoint.cli?.verb
    if (verb !== undefined) add(tree, verb.split(' '), operationCommand(operation))
  }
  for (const type of inventoryTypes) addUnlessThere(tree, [type, 'watch'], () => watchCommand(type))
  addUnlessThere(tree, ['task', 'wait'], waitCommand)
  return Object.fromEntries([...tree].map(([word, node]) => [word, routeOf(node, word)]))
}

function add(tree: Tree, [word, ...rest]: readonly string[], command: Command<NixenContext>): void {
  if (word === undefined) return
  const below = tree.get(word)
  if (below && (rest.length === 0 || !(below instanceof Map))) throw new TypeError(`Two commands are called ${word}.`)
  if (rest.length === 0) {
    tree.set(word, command)
    return
  }
  const next: Tree = below instanceof Map ? below : new Map()
  tree.set(word, next)
  add(next, rest, command)
}

function addUnlessThere(
  tree: Tree,
  [word, second]: readonly [string, string],
  command: () => Command<NixenContext>,
): void {
  const below = tree.get(word)
  if (below instanceof Map && !below.has(second)) below.set(second, command())
}

function routeOf(node: Tree | Command<NixenContext>, words: string): Command<NixenContext> | RouteMap<NixenContext> {
  if (!(node instanceof Map)) return node
  const routes = [...node].map(([word, below]) => [word, routeOf(below, `${words} ${word}`)] as const)
  return commandGroup(Object.fromEntries(routes), groupBriefs[words] ?? `Commands of ${words}`)
}
