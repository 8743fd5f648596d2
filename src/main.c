/* The table of verbs, nothing else. */
#include "cli/verbs.h"

int main(int argc, char **argv)
{
    static const loam_verb verbs[] = {
        {"serve", loam_verb_serve, "answer OpenAI's API and show the page to chat on"},
        {"chat", loam_verb_chat, "talk in the terminal, or answer once with -p"},
        {"image", loam_verb_image, "make a picture of a sentence"},
        {"video", loam_verb_video, "make a clip of a sentence"},
        {"model", loam_verb_model, "list, pull and inspect models"},
        {"bench", loam_verb_bench, "measure speed, with its share of what this machine can do"},
        {"plan", loam_verb_plan, "plan the hardware to buy or rent: where, when, for how much"},
        {0},
    };
    return loam_verbs_run(verbs, "loam", argc, argv);
}
