export { settingKeys, settingSpecs, type SettingKey, type Settings, type SettingSpec } from './config/settings.ts'
export { flagOf, variableOf } from './config/settings.ts'
export { serverErrors } from './errors.ts'
export { startServer, type Server, type ServerOptions } from './main.ts'
