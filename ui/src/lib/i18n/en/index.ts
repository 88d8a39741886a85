import { backends } from './backends';
import { common } from './common';
import { connect } from './connect';
import { engine, errors } from './engine';
import { images } from './images';
import { log } from './log';
import { models } from './models';
import { overview } from './overview';
import { routing } from './routing';
import { settings } from './settings';
import { setup } from './setup';

export const en = { common, overview, log, models, routing, images, backends, connect, settings, setup, engine, errors };

/** What every language must say. */
export type Catalogue = typeof en;
