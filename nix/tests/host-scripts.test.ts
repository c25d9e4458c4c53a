import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { sandbox, type Sandbox } from './sandbox.ts'

/** libvirt as far as the scripts speak to it: domains are files, of which the first line is the state. */
const virsh = `
shift 3
case $1 in
  domstate) [[ -e @/domains/$2 ]] || exit 1; cat "@/domains/$2" ;;
  define) name=$(sed -n 's:.*<name>\\(.*\\)</name>.*:\\1:p' "$2" | tee >(true)); exit 0 ;;
  metadata) cat "@/metadata/$2" 2> /dev/null || exit 1 ;;
  start) echo running > "@/domains/$2" ;;
  shutdown) [[ -e @/stubborn ]] || echo "shut off" > "@/domains/$2" ;;
  list) ls "@/domains" ;;
  undefine) rm "@/domains/$2" ;;
  pool-dumpxml) cat "@/pool.xml" 2> /dev/null || exit 1 ;;
  pool-define) cp "$2" @/pool.xml ;;
  pool-info) echo "State:          inactive" ;;
esac
`

describe('a declared domain', () => {
  function rig(): { box: Sandbox; env: Record<string, string> } {
    const box = sandbox()
    for (const folder of ['domains', 'metadata', 'pool']) mkdirSync(box.at(folder))
    box.program(
      'virsh',
      virsh.replace(
        / {2}define\).*/,
        '  define) cat "$2" > @/defined.xml; [[ -e @/domains/web ]] || echo "shut off" > @/domains/web ;;',
      ),
    )
    box.program('nix-store', 'exit 0')
    const xml = box.write(
      'web.xml',
      "<domain type='kvm'>\n  <name>web</name>\n  <metadata>\n    <vm xmlns='urn:nixen:vm:1'>\n      <tag>declared</tag>\n    </vm>\n  </metadata>\n</domain>\n",
    )
    const base = box.at('base.qcow2')
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', base, '8M'])
    const env = {
      NIXEN_URI: 'qemu:///system',
      NIXEN_DOMAIN: 'web',
      NIXEN_OPTION: 'virtualisation.nixen.domains.web',
      NIXEN_XML: xml,
      NIXEN_ON_CHANGE: 'keep',
      NIXEN_SHUTDOWN_TIMEOUT: '1',
      NIXEN_DISKS: `root ${box.at('pool/web-root.qcow2')} 16M ${base}\ndata ${box.at('pool/web-data.qcow2')} 4M -\n`,
    }
    return { box, env }
  }
  const info = (path: string): { 'virtual-size': number; 'backing-filename'?: string } =>
    JSON.parse(execFileSync('qemu-img', ['info', '--output=json', path], { encoding: 'utf8' })) as never

  test('gets an overlay of its base and empty disks, is defined and started; once more changes nothing', async () => {
    const { box, env } = rig()
    using _ = box
    expect(await box.script('domain', ['up'], env)).toMatchObject({ code: 0, stderr: '' })
    expect(info(box.at('pool/web-root.qcow2'))).toMatchObject({
      'virtual-size': 16 << 20,
      'backing-filename': box.at('base.qcow2'),
    })
    expect(info(box.at('pool/web-data.qcow2'))).toMatchObject({ 'virtual-size': 4 << 20 })
    expect(readFileSync(box.at('domains/web'), 'utf8')).toBe('running\n')
    const before = readFileSync(box.at('pool/web-root.qcow2'))
    expect(await box.script('domain', ['up'], env)).toMatchObject({ code: 0 })
    expect(readFileSync(box.at('pool/web-root.qcow2')).equals(before)).toBe(true)
    expect(box.calls().filter((call) => call.includes(' start '))).toHaveLength(1)
  })

  test('grows a disk while it is off, and never makes one smaller', async () => {
    const { box, env } = rig()
    using _ = box
    await box.script('domain', ['up'], env)
    await box.script('domain', ['down'], env)
    const larger = { ...env, NIXEN_DISKS: env['NIXEN_DISKS']?.replace('4M', '6M').replace('16M', '8M') ?? '' }
    const { stdout } = await box.script('domain', ['up'], larger)
    expect(info(box.at('pool/web-data.qcow2'))['virtual-size']).toBe(6 << 20)
    expect(info(box.at('pool/web-root.qcow2'))['virtual-size']).toBe(16 << 20)
    expect(stdout).toContain('disks.root.size is 8M; the disk has 16777216 bytes and is not made smaller')
  })

  test('whose base image is gone is not started, and says how to get it back', async () => {
    const { box, env } = rig()
    using _ = box
    await box.script('domain', ['up'], env)
    await box.script('domain', ['down'], env)
    const overlay = readFileSync(box.at('pool/web-root.qcow2'))
    rmSync(box.at('base.qcow2'))
    const { code, stderr } = await box.script('domain', ['up'], env)
    expect(code).toBe(1)
    expect(stderr).toContain(
      `virtualisation.nixen.domains.web.disks.root: ${box.at('pool/web-root.qcow2')} is an overlay of ${box.at('base.qcow2')}, and that is gone. Bring it back`,
    )
    expect(readFileSync(box.at('pool/web-root.qcow2')).equals(overlay)).toBe(true)
    expect(readFileSync(box.at('domains/web'), 'utf8')).toBe('shut off\n')
    // Nor is a new one begun without it.
    rmSync(box.at('pool/web-root.qcow2'))
    expect((await box.script('domain', ['up'], env)).stderr).toContain(
      'virtualisation.nixen.domains.web.base: its image',
    )
  })

  test('whose disk is damaged is left alone', async () => {
    const { box, env } = rig()
    using _ = box
    writeFileSync(box.at('pool/web-root.qcow2'), 'QFI\u00FBnot really')
    const { code, stderr } = await box.script('domain', ['up'], env)
    expect(code).toBe(1)
    expect(stderr).toContain('virtualisation.nixen.domains.web.disks.root')
    expect(readFileSync(box.at('pool/web-root.qcow2'), 'utf8')).toBe('QFI\u00FBnot really')
  })

  test('keeps what Nixen keeps with it when its definition changes', async () => {
    const { box, env } = rig()
    using _ = box
    box.write(
      'metadata/web',
      '<nixen:vm xmlns:nixen="urn:nixen:vm:1">\n  <nixen:tag>declared</nixen:tag><nixen:tag>gold &amp; more</nixen:tag>\n  <nixen:blocked name="delete">It is declared in the configuration of the host (x). Change it there.</nixen:blocked>\n  <nixen:blocked name="start">on holiday</nixen:blocked>\n  <nixen:field name="declared">x</nixen:field><nixen:lineage>L1</nixen:lineage>\n</nixen:vm>\n',
    )
    await box.script('domain', ['change'], env)
    const defined = readFileSync(box.at('defined.xml'), 'utf8').replaceAll(/>\s+</g, '><')
    expect(defined).toContain(
      '<vm xmlns=\'urn:nixen:vm:1\'><tag>gold &amp; more</tag><blocked name="start">on holiday</blocked><lineage>L1</lineage><tag>declared</tag></vm>',
    )
  })

  test('that does not shut down is left running, and says so', async () => {
    const { box, env } = rig()
    using _ = box
    await box.script('domain', ['up'], env)
    box.write('stubborn', '')
    const { code, stderr } = await box.script('domain', ['down'], env)
    expect(code).toBe(1)
    expect(stderr).toContain('web has not shut down within 1 s and is left running')
    expect(box.calls().some((call) => call.includes('destroy'))).toBe(false)
  })

  test('that is declared no more is forgotten when it is off; others are left alone', async () => {
    using box = sandbox()
    for (const folder of ['domains', 'metadata']) mkdirSync(box.at(folder))
    box.program('virsh', virsh)
    for (const [name, state] of Object.entries({ web: 'shut off', old: 'shut off', busy: 'running', mine: 'shut off' }))
      box.write(`domains/${name}`, `${state}\n`)
    for (const name of ['web', 'old', 'busy'])
      box.write(`metadata/${name}`, `<vm><field name="declared">virtualisation.nixen.domains.${name}</field></vm>`)
    const { code, stdout } = await box.script('forget', [], { NIXEN_URI: 'qemu:///system', NIXEN_DECLARED: 'web' })
    expect(code).toBe(0)
    expect(readdirSync(box.at('domains')).toSorted()).toEqual(['busy', 'mine', 'web'])
    expect(stdout).toContain('busy is declared no more, and still runs')
  })

  test('a pool whose path was changed is refused rather than moved', async () => {
    using box = sandbox()
    box.program('virsh', virsh)
    const env = {
      NIXEN_URI: 'qemu:///system',
      NIXEN_POOL: 'fast',
      NIXEN_POOL_XML: box.write('new.xml', '<pool><target><path>/srv/a</path></target></pool>'),
    }
    expect(await box.script('pool', [], env)).toMatchObject({ code: 0 })
    expect(box.calls().some((call) => call.includes('pool-start fast'))).toBe(true)
    box.write('new.xml', '<pool><target><path>/srv/b</path></target></pool>')
    expect((await box.script('pool', [], env)).stderr).toContain(
      'virtualisation.nixen.pools.fast.path is /srv/b, and libvirt knows the pool at /srv/a',
    )
  })
})
