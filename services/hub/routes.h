#pragma once

#include "hub/interactions.h"
#include "hub/posting.h"
#include "hub/rest.h"

// Every route of the API below /api/v10, by subject. What they refer to must outlive the Rest.
namespace hub {

void install_messages(Rest& rest, const Stage& stage, Poster& poster);
void install_reactions(Rest& rest, const Stage& stage);
void install_places(Rest& rest, const Stage& stage, Poster& poster);
void install_webhooks(Rest& rest, const Stage& stage, Poster& poster, Interactions& interactions);
void install_commands(Rest& rest, const Stage& stage, Interactions& interactions);

}  // namespace hub
