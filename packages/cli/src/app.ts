import { buildApplication, buildRouteMap, text_en, type Application, type Command, type RouteMap } from '@stricli/core'
import type { Routes } from './api/routes.ts'
import { applianceRoutes } from './appliance/routes.ts'
import { completionRoute } from './completion/route.ts'
import { hostConsoleCommands, vmConsoleCommands } from './console/routes.ts'
import type { NixenContext } from './context.ts'
import { diskCommands } from './disk/routes.ts'
import { doctorRoute } from './doctor/route.ts'
import { demoRoute } from './demo/route.ts'
import { describeFailure, describeUsageFailure, exitCodeOf } from './failure.ts'
import { importRoutes } from './import-xo/routes.ts'
import { loginRoute, logoutRoute, profileRoutes, setupRoute } from './people/routes.ts'
import { repoRoutes } from './repo/routes.ts'
import { serveRoute } from './serve/route.ts'
import { stateRoutes } from './state/routes.ts'
import { toolstackRoutes } from './toolstack/route.ts'
import { nixenVersion } from './version.ts'

/** Commands that need no server's contract, by their first word. */
const localRoutes = {
  demo: demoRoute,
  serve: serveRoute,
  setup: setupRoute,
  login: loginRoute,
  logout: logoutRoute,
  profile: profileRoutes,
  doctor: doctorRoute,
  state: stateRoutes,
  repo: repoRoutes,
  import: importRoutes,
  toolstack: toolstackRoutes,
  appliance: applianceRoutes,
  completion: completionRoute,
} as const

/** Commands of this machine under a word of the contract, by both words. */
export const sharedCommands = { disk: diskCommands, vm: vmConsoleCommands, host: hostConsoleCommands } as const

/** The commands that a command line may mean; the contract is loaded only for its own, since that takes longer than all the rest. */
export async function routesFor([first = '', second = '']: readonly string[]): Promise<Routes> {
  if (Object.hasOwn(localRoutes, first) || first === '--version' || first === '-v') return localRoutes
  const own: Readonly<Record<string, Readonly<Record<string, Command<NixenContext>>>>> = sharedCommands
  if (Object.hasOwn(own, first) && Object.hasOwn(own[first] ?? {}, second))
    return { [first]: sharedRoute(first, own[first] ?? {}) }
  const { apiRoutes } = await import('./api/routes.ts')
  return { ...localRoutes, ...apiRoutes(sharedCommands) }
}

function sharedRoute(word: string, routes: Readonly<Record<string, Command<NixenContext>>>): RouteMap<NixenContext> {
  return buildRouteMap<string, NixenContext>({ routes, docs: { brief: word } })
}

/** The application with some of its commands. Commands load their code when they run, so that `nixen --help` is quick. */
export function nixenApp(env: Readonly<Record<string, string | undefined>>, routes: Routes): Application<NixenContext> {
  const root = buildRouteMap<string, NixenContext>({
    routes,
    docs: { brief: 'Virtual machines on Xen and KVM hosts, and their backups' },
  })
  const describe = (error: unknown): string => describeFailure(error, env)
  return buildApplication(root, {
    name: 'nixen',
    versionInfo: { currentVersion: nixenVersion },
    determineExitCode: exitCodeOf,
    scanner: { caseStyle: 'allow-kebab-for-camel' },
    documentation: { caseStyle: 'convert-camel-to-kebab', onlyRequiredInUsageLine: true, disableAnsiColor: true },
    localization: {
      text: {
        ...text_en,
        exceptionWhileParsingArguments: (error) => describeUsageFailure(error, env),
        exceptionWhileRunningCommand: describe,
        commandErrorResult: describe,
        exceptionWhileLoadingCommandFunction: describe,
      },
    },
  })
}
