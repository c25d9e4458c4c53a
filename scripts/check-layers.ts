// Who may import whom (docs/design/0001-house.md). Fails with a line for each import that goes the wrong way.
import { globSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join } from 'node:path'
import { root } from './lib.ts'

/** Packages of ours that a package may import at run time. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  disk: ['core'],
  xapi: ['core'],
  libvirt: ['core'],
  api: ['core'],
  toolstack: ['core', 'disk', 'xapi'],
  backup: ['core', 'disk'],
  providers: ['core', 'disk', 'xapi', 'libvirt', 'api'],
  server: ['core', 'api', 'providers', 'backup', 'disk'],
  web: ['core', 'api'],
  cli: ['core', 'disk', 'xapi', 'libvirt', 'toolstack', 'backup', 'api', 'server'],
  testkit: ['core', 'disk', 'xapi', 'libvirt', 'toolstack', 'backup'],
}
/** Packages that load in a browser: nothing of Node. */
const browser = new Set(['core', 'api', 'web'])
/** Folders inside a package that must not import others of it. */
const walls: readonly { readonly from: string; readonly not: string; readonly because: string }[] = [
  {
    from: 'packages/backup/src/storage/',
    not: 'packages/backup/src/',
    because: 'a storage knows files, not repositories',
  },
  { from: 'packages/toolstack/src/wire/', not: 'packages/toolstack/src/classes/', because: 'the wire knows no class' },
]
const importPattern =
  /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|[^.\w])import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s+['"]([^'"]+)['"]/g

const problems: string[] = []
for (const file of globSync('packages/*/{src,scripts,test}/**/*.{ts,tsx}', { cwd: root }).toSorted()) {
  const owner = file.split('/')[1] ?? ''
  const isTest = file.endsWith('.test.ts') || !file.startsWith(`packages/${owner}/src/`)
  for (const match of readFileSync(root + file, 'utf8').matchAll(importPattern)) {
    const target = match[1] ?? match[2] ?? match[3] ?? ''
    const problem = target.startsWith('.') ? relative(file, target, isTest) : outside(owner, target, isTest)
    if (problem) problems.push(`${file}: imports ${target}: ${problem}`)
  }
}
problems.push(...manifestProblems())

if (problems.length > 0) {
  console.error(problems.join('\n'))
  console.error(`${problems.length} imports go against the layers; see docs/design/0001-house.md.`)
  process.exitCode = 1
}

function relative(file: string, target: string, isTest: boolean): string | undefined {
  const owner = file.split('/').slice(0, 2).join('/')
  const path = join(dirname(file), target)
  if (!path.startsWith(`${owner}/`)) return isTest ? undefined : 'a relative path out of the package'
  if (!/\.(?:tsx?|json)$/.test(target)) return 'write the extension (.ts)'
  if (isTest) return undefined
  if (path.endsWith('.test.ts')) return 'product code imports a test'
  const feature = /^packages\/server\/src\/features\/[^/]+\//.exec(file)?.[0]
  if (feature && path.startsWith('packages/server/src/features/') && !path.startsWith(feature)) {
    return 'a feature of the server knows no other one'
  }
  const wall = walls.find(({ from, not }) => file.startsWith(from) && path.startsWith(not) && !path.startsWith(from))
  return wall && !path.endsWith('/src/errors.ts') ? wall.because : undefined
}

function outside(owner: string, target: string, isTest: boolean): string | undefined {
  if (target.startsWith('node:')) return browser.has(owner) && !isTest ? `${owner} loads in a browser` : undefined
  if (builtinModules.includes(target)) return `write node:${target}`
  const ours = /^@nixen\/([a-z]+)/.exec(target)?.[1]
  if (!ours || isTest || ours === owner) return undefined
  return allowed[owner]?.includes(ours)
    ? undefined
    : `${owner} may import ${allowed[owner]?.join(', ') || 'no package'}`
}

/** Dependencies that are declared must be allowed too. */
function manifestProblems(): string[] {
  return globSync('packages/*/package.json', { cwd: root }).flatMap((file) => {
    const owner = file.split('/')[1] ?? ''
    const manifest = JSON.parse(readFileSync(root + file, 'utf8')) as { dependencies?: Record<string, string> }
    return Object.keys(manifest.dependencies ?? {})
      .filter((name) => name.startsWith('@nixen/') && !allowed[owner]?.includes(name.slice('@nixen/'.length)))
      .map((name) => `${file}: depends on ${name}, which ${owner} may not import`)
  })
}
