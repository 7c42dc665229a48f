import { type Request, type Response, Router } from 'express';
import { sendProblem } from '../api/problem.ts';
import { sendPage } from '../page/page-response.ts';
import type { Parts } from '../parts.ts';
import {
  defaultSettings,
  type SettingName,
  settingNames,
  settingsChangeSchema,
  settingTable,
} from '../settings.ts';
import { describeFaults, type InputFaults, inputOf, noticeOf, sendDone, wantsPage } from './exchange.ts';

const page = '/simulator/settings';

/** What nobody knows about Dojo, to choose from. A change holds from the next call on. */
export function createSettingsRouter({ settings, changeSettings }: Parts): Router {
  const router = Router();

  router.get('/', (request, response) => {
    if (wantsPage(request)) sendSettings(request, response);
    else response.json(settings());
  });

  const change = (request: Request, response: Response) => {
    const parsed = settingsChangeSchema.safeParse(inputOf(request));
    if (!parsed.success) return refuse(request, response, describeFaults(parsed.error, settingNames));
    changeSettings(parsed.data);
    sendDone(request, response, { page, says: 'saved', json: settings() });
  };
  router.patch('/', change);
  router.post('/', change);

  const restore = (request: Request, response: Response) => {
    changeSettings(defaultSettings);
    sendDone(request, response, { page, says: 'saved', json: settings() });
  };
  router.delete('/', restore);
  router.post('/defaults', restore);

  function refuse(request: Request, response: Response, faults: InputFaults): void {
    if (wantsPage(request)) sendSettings(request, response, faults);
    else sendProblem(response, { status: 400, errors: faults });
  }

  function sendSettings(request: Request, response: Response, faults: InputFaults = {}): void {
    const isWrong = Object.keys(faults).length > 0;
    sendPage(response, {
      name: 'control-settings',
      status: isWrong ? 400 : 200,
      page: {
        title: isWrong ? 'Error: Settings' : 'Settings',
        notice: noticeOf(request),
        faults: Object.entries(faults).map(([name, texts]) => ({
          field: settingNames.includes(name as SettingName) ? name : 'settings',
          message: `${name} ${texts.join(', ')}`,
        })),
        settings: settingNames.map((name) => ({
          name,
          question: settingTable[name].question,
          reason: settingTable[name].reason,
          isChanged: settings()[name] !== defaultSettings[name],
          choices: settingTable[name].choices.map((choice) => ({
            choice,
            isChosen: settings()[name] === choice,
            isDefault: defaultSettings[name] === choice,
          })),
        })),
      },
    });
  }

  return router;
}
