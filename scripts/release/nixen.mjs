#!/usr/bin/env node
// First file of the release. It is plain JavaScript for any Node, so that an old one is told what it is, not where its syntax ends.
import { subscribe } from 'node:diagnostics_channel'
import module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import v8 from 'node:v8'

const least = 26
const major = Number(process.versions.node.split('.', 1)[0])
if (major < least) {
  console.error(`nixen: this is Node ${process.versions.node}; Nixen needs Node ${least} or newer.`)
  process.exit(1)
}

// Keeps what Node has compiled, so that the next start takes half the time. Code of a folder that others can write to is not trusted: the
// cache is the user's own, or the service's (systemd: CacheDirectory=). NODE_COMPILE_CACHE goes before it, NODE_DISABLE_COMPILE_CACHE turns it off.
const { CACHE_DIRECTORY, XDG_CACHE_HOME } = process.env
const folder = CACHE_DIRECTORY?.split(':', 1)[0] || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'nixen')
module.enableCompileCache(join(folder, 'compile'))

// Loading makes much that lasts and little that does not, and runs much code some hundred times and never again. V8 would take it for a reason to
// let the space of young objects grow to 16 MB and to optimize that code, and would keep 20 MB for it as long as a server has nothing to do. Both
// are as usual (the values are V8's own) from the moment on that the server listens.
if (process.argv[2] === 'serve') {
  v8.setFlagsFromString('--semi-space-growth-factor=1')
  v8.setFlagsFromString('--invocation-count-for-maglev=1000000')
  subscribe('nixen.listening', () => {
    v8.setFlagsFromString('--semi-space-growth-factor=2')
    v8.setFlagsFromString('--invocation-count-for-maglev=400')
  })
}

await import('./main.mjs')
