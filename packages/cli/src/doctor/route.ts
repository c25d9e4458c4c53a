import { commonFlags, lazyCommand } from '../command.ts'
import { textParser } from '../parse.ts'

/** `nixen doctor` */
export const doctorRoute = lazyCommand(async () => (await import('./run.ts')).doctor, {
  parameters: {
    flags: {
      ...commonFlags,
      state: {
        kind: 'parsed',
        parse: textParser,
        brief: 'State directory to look at; the one that "nixen serve" would use when left out',
        placeholder: 'DIR',
        optional: true,
      },
      config: {
        kind: 'parsed',
        parse: textParser,
        brief: 'TOML file with settings',
        placeholder: 'FILE',
        optional: true,
      },
    },
  },
  docs: {
    brief: 'Find out what is wrong with the installation on this machine, and how to mend it',
    fullDescription:
      'Looks at the installation on this machine without changing it, while the server runs or not, and says how to mend what is wrong. Exit code 0: nothing is wrong, warnings aside; 3: something is.',
  },
})
