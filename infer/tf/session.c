//go:build cgo && linux && (amd64 || arm64)

#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The part of TensorFlow's C API (tensorflow/c/c_api.h, stable since 1.0) that a
// session needs. The functions are package lazy's trampolines.
typedef struct TF_Status TF_Status;
typedef struct TF_Graph TF_Graph;
typedef struct TF_Session TF_Session;
typedef struct TF_SessionOptions TF_SessionOptions;
typedef struct TF_ImportGraphDefOptions TF_ImportGraphDefOptions;
typedef struct TF_Operation TF_Operation;
typedef struct TF_Tensor TF_Tensor;
typedef struct {
	const void *data;
	size_t length;
	void (*data_deallocator)(void *, size_t);
} TF_Buffer;
typedef struct {
	TF_Operation *oper;
	int index;
} TF_Output;

extern TF_Status *TF_NewStatus(void);
extern void TF_DeleteStatus(TF_Status *);
extern int TF_GetCode(const TF_Status *);
extern const char *TF_Message(const TF_Status *);
extern TF_Graph *TF_NewGraph(void);
extern void TF_DeleteGraph(TF_Graph *);
extern TF_Operation *TF_GraphOperationByName(TF_Graph *, const char *);
extern TF_Buffer *TF_NewBuffer(void);
extern void TF_DeleteBuffer(TF_Buffer *);
extern TF_ImportGraphDefOptions *TF_NewImportGraphDefOptions(void);
extern void TF_DeleteImportGraphDefOptions(TF_ImportGraphDefOptions *);
extern void TF_GraphImportGraphDef(TF_Graph *, const TF_Buffer *, const TF_ImportGraphDefOptions *, TF_Status *);
extern TF_SessionOptions *TF_NewSessionOptions(void);
extern void TF_DeleteSessionOptions(TF_SessionOptions *);
extern void TF_SetConfig(TF_SessionOptions *, const void *, size_t, TF_Status *);
extern TF_Session *TF_NewSession(TF_Graph *, const TF_SessionOptions *, TF_Status *);
extern void TF_CloseSession(TF_Session *, TF_Status *);
extern void TF_DeleteSession(TF_Session *, TF_Status *);
extern void TF_SessionRun(TF_Session *, const TF_Buffer *, const TF_Output *, TF_Tensor *const *, int,
	const TF_Output *, TF_Tensor **, int, const TF_Operation *const *, int, TF_Buffer *, TF_Status *);
extern TF_Tensor *TF_AllocateTensor(int, const int64_t *, int, size_t);
extern void TF_DeleteTensor(TF_Tensor *);
extern void *TF_TensorData(const TF_Tensor *);
extern size_t TF_TensorByteSize(const TF_Tensor *);

struct winnow_session {
	TF_Status *status;
	TF_Graph *graph;
	TF_Session *session;
	int n_in, n_out;
	TF_Output *in, *out;      // where to feed and fetch
	TF_Tensor **in_tensors;   // ours; TensorFlow only reads them
	TF_Tensor **out_tensors;  // TensorFlow's, taken and given back in every run
	void **results;           // copies of the outputs
	size_t *result_bytes;
};

static int failed(winnow_session *s, const char *doing, char *msg, size_t n)
{
	if (TF_GetCode(s->status) == 0)
		return 0;
	snprintf(msg, n, "%s: %s", doing, TF_Message(s->status));
	return 1;
}

static int import(winnow_session *s, const void *graph, size_t len, char *msg, size_t n)
{
	TF_Buffer *buffer = TF_NewBuffer();
	buffer->data = graph;
	buffer->length = len;
	TF_ImportGraphDefOptions *options = TF_NewImportGraphDefOptions();
	TF_GraphImportGraphDef(s->graph, buffer, options, s->status);
	TF_DeleteImportGraphDefOptions(options);
	TF_DeleteBuffer(buffer);
	return failed(s, "graph", msg, n);
}

static int start(winnow_session *s, const void *config, size_t len, char *msg, size_t n)
{
	TF_SessionOptions *options = TF_NewSessionOptions();
	TF_SetConfig(options, config, len, s->status);
	int bad = failed(s, "session options", msg, n);
	if (!bad) {
		s->session = TF_NewSession(s->graph, options, s->status);
		bad = failed(s, "session", msg, n);
	}
	TF_DeleteSessionOptions(options);
	return bad;
}

// locate resolves the operation that t names.
static int locate(winnow_session *s, const winnow_tensor *t, TF_Output *to, char *msg, size_t n)
{
	to->oper = TF_GraphOperationByName(s->graph, t->operation);
	to->index = 0;
	if (to->oper)
		return 0;
	snprintf(msg, n, "the graph has no operation %s", t->operation);
	return 1;
}

static int connect_in(winnow_session *s, winnow_tensor *in, char *msg, size_t n)
{
	for (int i = 0; i < s->n_in; i++) {
		int64_t dims[6];
		for (int d = 0; d < in[i].rank; d++)
			dims[d] = in[i].dims[d];
		if (locate(s, &in[i], &s->in[i], msg, n))
			return 1;
		s->in_tensors[i] = TF_AllocateTensor(in[i].type, dims, in[i].rank, in[i].bytes);
		if (!s->in_tensors[i]) {
			snprintf(msg, n, "no memory for input %d", i);
			return 1;
		}
		in[i].data = TF_TensorData(s->in_tensors[i]);
		memset(in[i].data, 0, in[i].bytes);
	}
	return 0;
}

static int connect_out(winnow_session *s, winnow_tensor *out, char *msg, size_t n)
{
	for (int i = 0; i < s->n_out; i++) {
		if (locate(s, &out[i], &s->out[i], msg, n))
			return 1;
		s->results[i] = out[i].data = calloc(out[i].bytes ? out[i].bytes : 1, 1);
		s->result_bytes[i] = out[i].bytes;
	}
	return 0;
}

winnow_session *winnow_session_new(const void *graph, size_t graph_len, const void *config, size_t config_len,
	winnow_tensor *in, int n_in, winnow_tensor *out, int n_out, char *msg, size_t msg_len)
{
	winnow_session *s = calloc(1, sizeof *s);
	s->status = TF_NewStatus();
	s->graph = TF_NewGraph();
	s->n_in = n_in;
	s->n_out = n_out;
	s->in = calloc(n_in + 1, sizeof *s->in);
	s->in_tensors = calloc(n_in + 1, sizeof *s->in_tensors);
	s->out = calloc(n_out + 1, sizeof *s->out);
	s->out_tensors = calloc(n_out + 1, sizeof *s->out_tensors);
	s->results = calloc(n_out + 1, sizeof *s->results);
	s->result_bytes = calloc(n_out + 1, sizeof *s->result_bytes);
	if (import(s, graph, graph_len, msg, msg_len) || start(s, config, config_len, msg, msg_len) ||
	    connect_in(s, in, msg, msg_len) || connect_out(s, out, msg, msg_len)) {
		winnow_session_free(s);
		return NULL;
	}
	return s;
}

int winnow_session_run(winnow_session *s, char *msg, size_t msg_len)
{
	memset(s->out_tensors, 0, s->n_out * sizeof *s->out_tensors);
	TF_SessionRun(s->session, NULL, s->in, s->in_tensors, s->n_in, s->out, s->out_tensors, s->n_out, NULL, 0, NULL, s->status);
	int bad = failed(s, "run", msg, msg_len);
	for (int i = 0; i < s->n_out && !bad; i++) {
		size_t got = TF_TensorByteSize(s->out_tensors[i]);
		if (got != s->result_bytes[i]) {
			snprintf(msg, msg_len, "output %d has %zu bytes instead of %zu", i, got, s->result_bytes[i]);
			bad = 1;
		}
	}
	for (int i = 0; i < s->n_out; i++) {
		if (!s->out_tensors[i])
			continue;
		if (!bad)
			memcpy(s->results[i], TF_TensorData(s->out_tensors[i]), s->result_bytes[i]);
		TF_DeleteTensor(s->out_tensors[i]);
	}
	return bad;
}

void winnow_session_free(winnow_session *s)
{
	if (s->session) {
		TF_CloseSession(s->session, s->status);
		TF_DeleteSession(s->session, s->status);
	}
	for (int i = 0; i < s->n_in; i++)
		if (s->in_tensors[i])
			TF_DeleteTensor(s->in_tensors[i]);
	for (int i = 0; i < s->n_out; i++)
		free(s->results[i]);
	TF_DeleteGraph(s->graph);
	TF_DeleteStatus(s->status);
	free(s->in);
	free(s->in_tensors);
	free(s->out);
	free(s->out_tensors);
	free(s->results);
	free(s->result_bytes);
	free(s);
}
